/** The way of docs/shipping.md from training to a device, command after command, with a smaller network. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, it } from 'vitest';
import { load } from '../../src/runtime/index.js';
import { succeeds } from '../cli/runMpdnn.js';
import { temporaryFolder } from '../temporaryFolder.js';

const folder = temporaryFolder();
const exported = join(folder, 'experiments/QUICKSTART/export');
const small = ['--model', 'tiny', '--data', 'synthetic:96', '--epochs', '1', '--device', 'cpu', '--threads', '1'];
/** Output of each command. */
const said = new Map<string, string>();

/** The commands of the chapter. */
function commands(): string[] {
  const [, chapter] = readFileSync('docs/shipping.md', 'utf8').split('## The whole way, on a bare Debian\n');
  return /^```sh\n([\s\S]*?)^```$/m.exec(chapter!)![1]!.trim().split('\n');
}

/** The calls of mpdnn that an npm script makes. */
function callsOf(script: string): string[][] {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  return scripts[script].split(' && ').map((call: string) => {
    const [, words] = /^node dist\/cli\/main\.js (.*)$/.exec(call)!;
    return words!.split(' ').map((word) => (word.endsWith('.cfg') ? resolve(word) : word));
  });
}

async function execute(command: string): Promise<string> {
  const [program, ...words] = command.split(' ');
  switch (program) {
    case 'npm': {
      const [run, script] = words as [string, string];
      expect(run).toBe('run');
      for (const call of callsOf(script)) await succeeds([...call, ...small, '--no-plots'], folder);
      return '';
    }
    case 'npx':
      return (await succeeds(words.slice(1), folder)).stdout;
    case 'make':
      return execFileSync('make', ['-s', ...words], { cwd: folder, encoding: 'utf8' });
    default:
      throw new Error(`${command}: begins with none of npm, npx and make`);
  }
}

/** Logits of the test images in what a command printed, after a colon or a semicolon. */
function logitsIn(output: string): string[] {
  return [...output.matchAll(/^(?:test )?image (\d): (?:.*; )?([-\d ]+)$/gm)].map(([, , logits]) => logits!);
}

beforeAll(async () => {
  for (const command of commands()) said.set(command, await execute(command));
});

it('gives the same logits in C here and emulated, in the evaluation and in the runtime that pages use', async () => {
  const printed = [...said.values()].map(logitsIn).filter((logits) => logits.length > 0);
  expect(printed).toHaveLength(3);
  const [own] = printed as [string[]];
  expect(own).toHaveLength(3);
  expect(new Set(own).size).toBe(3);
  for (const other of printed) expect(other).toEqual(own);
  const network = await load(readFileSync(join(exported, 'net.safetensors')));
  const pictures = readdirSync(join(exported, 'test-images')).sort();
  expect(pictures).toEqual(['0.png', '1.png', '2.png']);
  for (const [index, picture] of pictures.entries()) {
    const pixels = await sharp(join(exported, 'test-images', picture))
      .raw()
      .toBuffer();
    expect([...network.logits(pixels)].join(' ')).toBe(own[index]);
  }
});

it('leaves a folder that others may read as any new one', () => {
  const fresh = join(folder, 'fresh');
  mkdirSync(fresh);
  expect(statSync(exported).mode).toBe(statSync(fresh).mode);
  rmdirSync(fresh);
});
