/** C99 of the integer network, compiled with sanitizers and run: every stored activation and every logit. */

import { describe, expect, it } from 'vitest';
import { boundedClassifier } from '../../src/ship/bounds.js';
import { cFiles, prefixOf } from '../../src/ship/c/files.js';
import type { ConvolutionLayer, IntegerNetwork } from '../../src/ship/integerNetwork.js';
import { runIntegers } from '../../src/ship/interpreter.js';
import { folderOf, run, runQuietly, symbolBytes, variables, warnings } from './cProgram.js';
import { randomNetwork, tiedNetwork } from './randomNetwork.js';
import { shippedNetwork } from './shippable.js';
import { expectStored, tracedProgram } from './tracedProgram.js';

/** One of each kind of layer's end; all that ship are compiled so in `forms/forms.thorough.test.ts`. */
const names = [
  ...['fixed 2 and 4 bits', 'fixed powers of two', 'shortcuts with convolutions'],
  ...['an own network: windows that differ, means, hidden layers'],
  ...['an own network: sigmoids, hard-swish, SiLU, squeeze and excite'],
];

describe.each([
  ...names.map((name) => [name, () => shippedNetwork(name, 2)] as const),
  ...Array.from({ length: 3 }, (_, seed) => [`random network ${seed}`, () => randomNetwork(seed)] as const),
])('%s', (_, make) => {
  it('has the interpreter’s activations and logits, and nothing undefined', () => {
    const { network, images } = make();
    expectStored(network, images, tracedProgram(network, { sanitized: true, optimisation: '-O0' }));
  });
});

it('takes the first of equal classes', () => {
  const { network, images } = tiedNetwork();
  const program = tracedProgram(network, { optimisation: '-O0' });
  expect(program.run(images).map(({ predictions }) => predictions)).toEqual([[0], [0], [0]]);
  expectStored(network, images, program);
});

it('notices a buffer that is too small by its guard bytes', () => {
  const { network, images } = randomNetwork(0);
  const plant = (source: string) =>
    source.replace(/^static uint8_t arena\[(\d+)\];$/m, (_, bytes) => `static uint8_t arena[${Number(bytes) - 8}];`);
  const program = tracedProgram(network, { optimisation: '-O0', plant });
  expect(() => program.run(images)).toThrow('the program ended with 3: guard bytes have changed');
});

describe('the header', () => {
  it.each(['fixed 2 and 4 bits', 'powers of two', 'shortcuts with convolutions'])('says what %s needs', (name) => {
    const { network, images, peakBytes } = shippedNetwork(name, 1);
    const files = cFiles(network, { name: 'net', images });
    const folder = folderOf(files);
    run(folder, 'gcc', ...warnings, '-O0', '-fno-pie', '-c', '-o', 'net.o', 'net.c');
    const symbols = [...symbolBytes(folder, 'net.o')];
    const bytesOf = (names: RegExp) =>
      symbols.reduce((sum, [symbol, bytes]) => sum + (names.test(symbol) ? bytes : 0), 0);
    const said = (macro: string) => Number(new RegExp(`#define NET_${macro} (\\d+)`).exec(files.get('net.h')!)![1]);
    expect(bytesOf(/^weights$/)).toBe(said('WEIGHT_BYTES') + said('GUARD_BYTES'));
    expect(bytesOf(/^(multipliers|biases|shifts|thresholds|codes)_|^logit_shifts$/)).toBe(said('CONSTANT_BYTES'));
    expect(bytesOf(/^arena$/)).toBe(said('ARENA_BYTES') + said('GUARD_BYTES'));
    expect(said('ARENA_BYTES')).toBe(peakBytes);
    expect(bytesOf(/^(arena|window|filters|sums)$/)).toBe(said('RAM_BYTES'));
    expect(variables(folder, 'net.o')).toEqual(['arena', 'filters', 'sums', 'window']);
  });
});

describe('make test', () => {
  const { network, images } = shippedNetwork('fixed 2 and 4 bits', 2);
  const files = cFiles(network, { name: 'net', images });

  it.each(['gcc', 'clang'])('passes, compiled by %s', (compiler) => {
    expect(run(folderOf(files), 'make', 'test', `CC=${compiler}`)).toContain('2 images, 0 logits differ');
  });

  it('leaves no object of this machine, which a board would get', () => {
    const folder = folderOf(files);
    run(folder, 'make', 'test');
    expect(run(folder, 'make', '-n', 'net.o', 'CC=arm-none-eabi-gcc')).toMatch(
      /^arm-none-eabi-gcc .*-o net\.o net\.c$/m,
    );
  });

  it('fails where a bias is off by one', () => {
    const planted = cFiles(withBiasOffByOne(network, images), { name: 'net', images }).get('net.c')!;
    const { status, stdout } = runQuietly(folderOf(new Map([...files, ['net.c', planted]])), 'make', 'test');
    expect(status).not.toBe(0);
    expect(stdout).toMatch(/ \(not -?\d+\)/);
  });
});

it.each([
  'an own network: biases, groups, flattened images, normalised features',
  'an own network: channels side by side, some of them, in turn, normalised',
  'powers of two',
])('%s: neither multiplies nor shifts in an int, which may have 16 bits', (name) => {
  const { network, images } = shippedNetwork(name, 1);
  // Freestanding compilers have no string.h.
  const memory = 'void *memcpy(void *, const void *, size_t);\nvoid *memset(void *, int, size_t);\n';
  const files = new Map([...cFiles(network, { name: 'net', images }), ['string.h', `#include <stddef.h>\n${memory}`]]);
  const flags = ['--target=avr', '-ffreestanding', '-isystem', '.', '-O0', '-S', '-emit-llvm', '-o', '-'];
  const code = run(folderOf(files), 'clang', ...warnings, '-Wno-avr-rtlib-linking-quirks', ...flags, 'net.c');
  expect(code).toContain('mul nsw i32');
  expect(code.match(/^.*\b(mul nsw|shl)( nuw| nsw)* i16 .*$/gm)).toBeNull();
});

it('lets two networks live in one program', () => {
  const [first, second] = [randomNetwork(0), randomNetwork(1)] as const;
  const main = `
#include <stdio.h>
#include "first.h"
#include "second.h"
int main(void)
{
  static const uint8_t a[] = {${first.images[2]!.join()}}, b[] = {${second.images[2]!.join()}};
  static const char *const names[] = FIRST_CLASS_NAMES;
  first_logit x[FIRST_CLASSES];
  second_logit y[SECOND_CLASSES];
  first_run(a, x);
  second_run(b, y);
  for (int i = 0; i < FIRST_CLASSES; i++) printf("%ld ", (long)x[i]);
  for (int i = 0; i < SECOND_CLASSES; i++) printf("%ld ", (long)y[i]);
  printf("%d %d %s %s %s", (int)first_class_of(x), (int)second_class_of(y), names[1], names[2], names[3]);
  return 0;
}
`;
  const parts = [
    ...cFiles(first.network, { name: 'first', images: [] }),
    ...cFiles(second.network, { name: 'second', images: [] }),
    ['main.c', main],
  ] as const;
  const folder = folderOf(new Map(parts));
  run(folder, 'gcc', ...warnings, '-O1', '-o', 'both', 'main.c', 'first.c', 'second.c');
  const logits = [first, second].map(({ network, images }) => [...runIntegers(network, images[2]!)]);
  const best = logits.map((values) => values.indexOf(Math.max(...values)));
  const names = first.network.classes.slice(1, 4);
  expect(run(folder, './both')).toBe([...logits.flat(), ...best, ...names].join(' '));
});

it('refuses a name that is none in C', () => {
  const { network } = randomNetwork(0);
  for (const name of ['', '2nd', 'My-net', 'test']) {
    expect(() => cFiles(network, { name, images: [] })).toThrow('no prefix for C');
  }
});

it.each([
  ['GUARANTEED', 'guaranteed'],
  ['2 bits, Käse', 'net_2_bits_k_se'],
  ['TEST', 'net_test'],
  ['__Q-äöü', 'q'],
  ['数字', 'net'],
])('has a prefix for the experiment %s', (name, prefix) => {
  expect(prefixOf(name)).toBe(prefix);
});

it('has wide logits where sums of 0 are shifted by more than 31 bits', () => {
  const { network } = randomNetwork(0);
  const layers = network.layers.map((layer) => {
    if (layer.op !== 'classifier') return layer;
    const zeros = { ...layer.weights, values: layer.weights.values.map(() => 0) };
    return boundedClassifier({ ...layer, weights: zeros, shifts: layer.shifts.map(() => 40), biasShift: 0 });
  });
  expect(cFiles({ ...network, layers }, { name: 'net', images: [] }).get('net.h')).toContain(
    'typedef int64_t net_logit;',
  );
});

it('refuses activations of 9 bits, sums beyond 64 and sizes beyond 16', () => {
  const { network } = randomNetwork(0);
  const layer = network.layers.find((each): each is ConvolutionLayer => each.op === 'convolution')!;
  const filesWith = (changed: ConvolutionLayer) =>
    cFiles(withLayer(network, layer, changed), { name: 'net', images: [] });
  const wide = { ...layer, output: { ...layer.output, bits: 9 } };
  expect(() => filesWith(wide)).toThrow(`${layer.name}: is stored with 9 bits; in C an activation has 8 at most`);
  const long = { ...layer, output: { ...layer.output, shape: [1, 2 ** 16 - 7, 3] } };
  expect(() => filesWith(long)).toThrow(`${layer.name}: has the size 65529, in C 65528 is the most`);
  const biases = layer.requantization.biases.map(() => 2n ** 63n - 1n);
  const far = { ...layer, requantization: { ...layer.requantization, biases } };
  expect(() => filesWith(far)).toThrow(`${layer.name}: its sums exceed 64 bits`);
});

/** The network with the bias of a channel off by one, the first for which that changes the logits of an image. */
function withBiasOffByOne(network: IntegerNetwork, images: readonly Uint8Array[]): IntegerNetwork {
  const logitsOf = (net: IntegerNetwork) => images.map((image) => runIntegers(net, image).join());
  const wanted = logitsOf(network).join();
  const layer = network.layers.findLast((each): each is ConvolutionLayer => each.op === 'convolution')!;
  for (let channel = 0; channel < layer.output.shape[2]!; channel++) {
    const biases = layer.requantization.biases.slice();
    biases[channel]! += 1n;
    const changed = { ...layer, requantization: { ...layer.requantization, biases } };
    const planted = withLayer(network, layer, changed);
    if (logitsOf(planted).join() !== wanted) return planted;
  }
  throw new Error('no bias matters');
}

function withLayer(network: IntegerNetwork, old: ConvolutionLayer, changed: ConvolutionLayer): IntegerNetwork {
  return { ...network, layers: network.layers.map((each) => (each === old ? changed : each)) };
}
