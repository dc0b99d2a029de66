/** The exported C of a network, compiled and run: here under sanitizers on any image, and on the boards that qemu emulates. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packCodes } from '../dist/ship/c/codes.js';
import { cFiles } from '../dist/ship/c/files.js';
import { planOf, weightBytes } from '../dist/ship/c/plan.js';
import { boards, compile, emulate } from '../scripts/emulatedBoards.mjs';

/** Reads images from standard input, and writes what each layer stores, as packed bytes, and the logits of each. */
const main = `\
#include <stdio.h>
#include "net.h"

void trace(int32_t layer, const uint8_t *tensor, uint32_t bytes);

void trace(int32_t layer, const uint8_t *tensor, uint32_t bytes)
{
  (void)layer;
  fwrite(tensor, 1, bytes, stdout);
}

int main(void)
{
  static uint8_t image[NET_INPUTS];
  while (fread(image, 1, NET_INPUTS, stdin) == NET_INPUTS) {
    net_logit logits[NET_CLASSES];
    net_run(image, logits);
    for (int i = 0; i < NET_CLASSES; i++) {
      const int64_t logit = logits[i];
      fwrite(&logit, sizeof logit, 1, stdout);
    }
  }
  return 0;
}
`;
const sanitizers = ['-O2', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/**
 * A program for this machine with the address and undefined-behaviour sanitizers.
 *
 * @returns what gives, for images, whether each stored tensor is the interpreter's, and the logits: a function, and one
 *   that removes the program
 */
export function sanitizedProgram(network) {
  const folder = folderOf([...cFiles(network, { name: 'net', images: [] }), ['main.c', main]]);
  execute(folder, 'gcc', ['-std=c99', ...sanitizers, '-DNET_TRACE=trace', '-o', 'main', 'main.c', 'net.c']);
  const stored = network.layers.filter(({ op }) => op === 'convolution' || op === 'maxPool' || op === 'sumPool');
  const classes = network.layers.at(-1).weights.shape.at(-1);
  return {
    close: () => rmSync(folder, { recursive: true }),
    /** `wanted`: of each image the interpreter's tensors by name. */
    run(images, wanted) {
      const output = execute(folder, './main', [], Buffer.concat(images));
      let at = 0;
      const take = (bytes) => {
        at += bytes;
        return output.subarray(at - bytes, at);
      };
      const results = wanted.map((tensors) => {
        const activations = stored.map(({ op, output: { name, grid, bits, shape } }) => {
          const values = tensors.get(name);
          const own = op === 'sumPool' ? Buffer.from(values.buffer) : Buffer.from(packCodes(values, grid, bits));
          const used = shape.reduce((product, size) => product * size, bits) % 8;
          const got = take(own.length);
          // Bits behind the last code are whatever was there.
          if (used > 0) got[got.length - 1] &= 2 ** used - 1;
          return { name, isEqual: got.equals(own), count: values.length };
        });
        return { activations, logits: Array.from({ length: classes }, () => Number(take(8).readBigInt64LE())) };
      });
      if (at !== output.length) throw new Error(`the program wrote ${output.length} bytes instead of ${at}`);
      return results;
    },
  };
}

/** How many logits of images differ on each board that has room for the network; `kbytes` is what it would take. */
export function emulatedDifferences(network, images) {
  const folder = folderOf(cFiles(network, { name: 'net', images }));
  const flash = weightBytes(network) + images.length * images[0].length + 2 ** 17;
  const ram = planOf(network).arena.bytes + 2 ** 16;
  const results = new Map();
  for (const [name, board] of Object.entries(boards)) {
    if (board.memory.flashBytes < flash || board.memory.ramBytes < ram) continue;
    compile(folder, board);
    const said = /(\d+) images, (\d+) logits differ/.exec(emulate(folder, board));
    if (!said) throw new Error(`${name}: the program did not end`);
    results.set(name, { images: Number(said[1]), different: Number(said[2]) });
  }
  rmSync(folder, { recursive: true });
  return results;
}

function folderOf(files) {
  const folder = mkdtempSync(join(tmpdir(), 'shipped-c-'));
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  return folder;
}

function execute(folder, command, args, input) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: folder, input, maxBuffer: 2 ** 30 });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command}: ${status}\n${stderr}`);
  return stdout;
}
