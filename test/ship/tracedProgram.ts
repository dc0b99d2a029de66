/**
 * The exported C as a program that reads images from a file and writes to another one what it stores of each: every
 * tensor as packed bytes, and the logits. It runs here or on an emulated board, as many images as one likes in one start.
 *
 * Before and behind each static buffer of the network lie guard bytes, and every function has a canary on its stack: the
 * program fails if one of them has changed after an image.
 */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { expectedResults } from '../../src/deploy/checks.js';
import { elementCount } from '../../src/elementCount.js';
import { packCodes } from '../../src/ship/c/codes.js';
import { cFiles } from '../../src/ship/c/files.js';
import { ramBytes } from '../../src/ship/c/header.js';
import { planOf, weightBytes } from '../../src/ship/c/plan.js';
import {
  type IntegerLayer,
  type IntegerNetwork,
  type IntegerTensor,
  inputOf,
  isLast,
  outputsOf,
} from '../../src/ship/integerNetwork.js';
import { predictionsOf } from '../../src/ship/interpreter.js';
import { type Board, emulate, link } from './boards.js';
import { folderOf, run, runQuietly, warnings } from './cProgram.js';

const main = `\
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "guarded.c"

static int stored;

static void put_bytes(const void *bytes, size_t count)
{
  const char *from = bytes;
  while (count > 0) {
    const ssize_t written = write(stored, from, count);
    if (written <= 0) exit(2);
    from += written;
    count -= (size_t)written;
  }
}

void trace(int32_t layer, const uint8_t *tensor, uint32_t bytes)
{
  (void)layer;
  put_bytes(tensor, bytes);
}

static int next_image(int images, uint8_t *image)
{
  size_t count = 0;
  while (count < NET_INPUTS) {
    const ssize_t more = read(images, image + count, NET_INPUTS - count);
    if (more <= 0) return 0;
    count += (size_t)more;
  }
  return 1;
}

int main(void)
{
  static uint8_t image[NET_INPUTS];
  const int images = open("images", O_RDONLY);
  stored = open("stored", O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (images < 0 || stored < 0) return 1;
  set_guards();
  while (next_image(images, image)) {
    static net_logit logits[NET_OUTPUTS];
    net_run(image, logits);
    for (int i = 0; i < NET_OUTPUTS; i++) {
      const int64_t logit = logits[i];
      put_bytes(&logit, sizeof logit);
    }
    for (int i = 0; i < NET_OUTPUTS; i += NET_CLASSES) {
      const int32_t class = net_class_of(logits + i);
      put_bytes(&class, sizeof class);
    }
    if (!guards_are_whole()) {
      printf("guard bytes have changed\\n");
      return 3;
    }
  }
  return 0;
}
`;

const buffers = ['arena', 'window', 'filters', 'sums'] as const;
const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** The text of `net.c` with guard bytes around each of its static buffers. */
function guarded(source: string): string {
  let text = source;
  for (const name of buffers) {
    const declaration = new RegExp(`^static (\\w+|union \\{.*\\}) ${name}(\\[\\d+\\])?;$`, 'm');
    const [whole, type, length = ''] = declaration.exec(text) ?? [];
    if (!whole) throw new Error(`net.c has no buffer called ${name}`);
    const inside = `guarded_${name}.at`;
    text = text.replace(
      whole,
      `static struct { uint8_t before[16]; ${type} at${length}; uint8_t behind[16]; } guarded_${name};`,
    );
    // Functions have parameters called sums, variables and fields called window.
    if (name === 'arena') text = text.replace(/\barena\b/g, inside);
    else if (name !== 'sums')
      text = text.replace(new RegExp(`\\b${name}(?=\\.narrow|\\.wide)|(?<=&|sizeof )${name}\\b`, 'g'), inside);
    else text = text.replace(/^static void convolve[\s\S]*?^}$/m, (convolve) => convolve.replace(/\bsums\b/g, inside));
  }
  const both = (of: (at: string) => string) =>
    buffers.flatMap((name) => ['before', 'behind'].map((side) => of(`guarded_${name}.${side}`))).join('');
  return `${text}
static void set_guards(void)
{
${both((at) => `  memset(${at}, 0xa5, sizeof ${at});\n`)}}

static int guards_are_whole(void)
{
  int whole = 1;
  for (int i = 0; i < 16; i++) {
${both((at) => `    whole &= ${at}[i] == 0xa5;\n`)}  }
  return whole;
}
`;
}

export interface TracedImage {
  /** Stored tensors in the order of their layers, as bytes; bits behind the last code are 0. */
  readonly activations: ReadonlyMap<IntegerTensor, Buffer>;
  readonly logits: readonly number[];
  /** The class of every pixel that has logits, or of the image. */
  readonly predictions: readonly number[];
}

export interface TracedProgram {
  /** @throws Error if the program fails, with what it said */
  run(images: readonly Uint8Array[]): TracedImage[];
  /** Removes the program. */
  close(): void;
}

export interface TracedOptions {
  /** Compiler of this machine. */
  readonly compiler?: 'gcc' | 'clang';
  /** Under the address and undefined-behaviour sanitizers, on this machine only. */
  readonly sanitized?: boolean;
  readonly optimisation?: '-O0' | '-O2';
  /** Null for this machine. */
  readonly board?: Board | null;
  /** Changes the text of `net.c`. */
  readonly plant?: (source: string) => string;
}

export function tracedProgram(
  network: IntegerNetwork,
  {
    compiler = 'gcc',
    sanitized = false,
    optimisation = '-O2',
    board = null,
    plant = (source) => source,
  }: TracedOptions = {},
): TracedProgram {
  const files = cFiles(network, { name: 'net', images: [] });
  const source = guarded(plant(files.get('net.c')!));
  const folder = folderOf(new Map([...files, ['guarded.c', source], ['main.c', main]]));
  const flags = [...warnings, optimisation, '-fstack-protector-all', '-DNET_TRACE=trace'];
  if (board) link(folder, board, ['main.c'], flags);
  else run(folder, compiler, ...flags, ...(sanitized ? sanitizers : []), '-o', 'main', 'main.c');
  return {
    run: (images) => {
      writeFileSync(join(folder, 'images'), Buffer.concat(images));
      const { status, said } = board ? emulate(folder, board) : native(folder);
      if (status !== 0) throw new Error(`the program ended with ${status}: ${said}`);
      return tracedImages(network, readFileSync(join(folder, 'stored')), images.length);
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}

/** Expects of a program, which is removed then, the interpreter's activations, logits and classes. */
export function expectStored(network: IntegerNetwork, images: readonly Uint8Array[], program: TracedProgram): void {
  const expected = expectedResults(network, images);
  for (const [index, got] of program.run(images).entries()) {
    const { activations, logits } = expected[index]!;
    for (const tensor of storedTensors(network)) {
      const bytes = storedBytes(network, tensor, activations.get(tensor.name)!);
      expect(got.activations.get(tensor)!.toString('hex'), tensor.name).toBe(bytes.toString('hex'));
    }
    expect([got.logits, got.predictions]).toEqual([logits, [...predictionsOf(logits, outputsOf(network).classes)]]);
  }
  program.close();
}

/** Tells whether a network, its program and an image fit into the memory of a board. */
export function hasRoom({ memory }: Board, network: IntegerNetwork): boolean {
  const image = elementCount(inputOf(network).output.shape);
  const [code, stack] = [2 ** 16, 2 ** 11];
  const flash = weightBytes(network) + code;
  return flash <= memory.flashBytes && ramBytes(planOf(network)) + image + stack <= memory.ramBytes;
}

/** The tensors that C stores, in the order of their layers. */
export function storedTensors({ layers }: IntegerNetwork): IntegerTensor[] {
  return layers.flatMap((layer) =>
    layer.op === 'input' || layer.op === 'subsample' || isLast(layer) ? [] : [layer.output],
  );
}

/** Integers as the C program stores them. */
export function storedBytes(network: IntegerNetwork, tensor: IntegerTensor, values: Int32Array): Buffer {
  const isSum = writerOf(network, tensor).op === 'sumPool';
  return isSum ? Buffer.from(values.slice().buffer) : Buffer.from(packCodes(values, tensor.grid, tensor.bits));
}

function writerOf({ layers }: IntegerNetwork, tensor: IntegerTensor): IntegerLayer {
  return layers.find((layer) => !isLast(layer) && layer.output === tensor)!;
}

function native(folder: string) {
  const { status, stdout, stderr } = runQuietly(folder, './main');
  return { status, said: stdout + stderr };
}

/** The content of the file that the program has written. */
function tracedImages(network: IntegerNetwork, stored: Buffer, count: number): TracedImage[] {
  const { shape, classes } = outputsOf(network);
  const outputs = elementCount(shape);
  let at = 0;
  const take = (bytes: number) => {
    at += bytes;
    return stored.subarray(at - bytes, at);
  };
  const results = Array.from({ length: count }, (): TracedImage => {
    const activations = new Map<IntegerTensor, Buffer>();
    for (const tensor of storedTensors(network)) {
      const isSum = writerOf(network, tensor).op === 'sumPool';
      const bits = tensor.shape.reduce((product, size) => product * size, isSum ? 32 : tensor.bits);
      const bytes = take(Math.ceil(bits / 8));
      if (bits % 8 > 0) bytes[bytes.length - 1]! &= 2 ** (bits % 8) - 1;
      activations.set(tensor, bytes);
    }
    const logits = Array.from({ length: outputs }, () => Number(take(8).readBigInt64LE()));
    const predictions = Array.from({ length: outputs / classes }, () => take(4).readInt32LE());
    return { activations, logits, predictions };
  });
  if (at !== stored.length) throw new Error(`the program wrote ${stored.length} bytes instead of ${at}`);
  return results;
}
