/** The published entry of the runtime: small, on its own, and right where a machine's fastest kernels are wrong. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { runIntegers } from '../../src/ship/interpreter.js';
import { packNetwork } from '../../src/ship/packedFile.js';
import { randomNetwork } from '../ship/randomNetwork.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { type BuiltRuntime, buildRuntime } from './publishedRuntime.js';

let runtime: BuiltRuntime;
beforeAll(async () => {
  runtime = await buildRuntime();
});

it('is one file below 30 kB gzipped, kernels included', () => {
  expect(gzipSync(runtime.code).length).toBeLessThan(30_000);
  expect(runtime.code).not.toMatch(/\bfrom\s*["']|\bimport\s*\(/);
});

it('brings nothing that makes networks', () => {
  expect(runtime.modules).toContain('runtime/index.js');
  for (const module of runtime.modules) {
    expect(module).toMatch(
      /^(runtime|ship|weights|graph)\/\w+\.js$|^(elementCount|errors|crc32|softmax|task|ops\/window|quant\/rounding)\.js$/,
    );
    expect(module).not.toMatch(/lowering|certificate|verification/);
  }
});

const script = `
  import { readFileSync } from 'node:fs';
  const { load } = await import(process.argv[1]);
  const network = await load(readFileSync(process.argv[2]));
  const image = new Uint8Array(readFileSync(process.argv[3]));
  console.log(JSON.stringify([network.kernels, [...network.logits(image)], [...network.logits(image)]]));
`;

/** Kernels and logits, computed twice, of a Node with these flags. */
function inNode(flags: readonly string[]): { kernels: string; logits: number[][]; wanted: number[] } {
  const folder = temporaryFolder();
  const { network, images } = randomNetwork(3);
  const [file, image] = [join(folder, 'net.safetensors'), join(folder, 'image')];
  writeFileSync(file, packNetwork(network));
  writeFileSync(image, images[2]!);
  const call = [...flags, '--input-type=module', '--eval', script, runtime.file, file, image];
  const [kernels, ...logits] = JSON.parse(execFileSync(process.execPath, call, { encoding: 'utf8' }));
  return { kernels, logits, wanted: [...runIntegers(network, images[2]!)] };
}

it('runs in Node', () => {
  const { kernels, logits, wanted } = inNode([]);
  expect(kernels).toMatch(/^(simd|relaxed)$/);
  expect(logits).toEqual([wanted, wanted]);
});

it.runIf(process.version.startsWith('v20.'))('refuses relaxed SIMD where a compiler gets it wrong', () => {
  const relaxed = '--experimental-wasm-relaxed-simd';
  const { kernels, logits, wanted } = inNode([relaxed, '--liftoff-only']);
  expect(kernels).toBe('simd');
  expect(logits).toEqual([wanted, wanted]);
  expect(inNode([relaxed, '--no-liftoff']).kernels).toBe('relaxed');
});
