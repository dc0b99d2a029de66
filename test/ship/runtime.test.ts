/** The WebAssembly runtime against the interpreter: every stored tensor, every logit. */

import { setFlagsFromString } from 'node:v8';
import { describe, expect, it, vi } from 'vitest';
import { InputError } from '../../src/errors.js';
import { load } from '../../src/runtime/index.js';
import { predictionOf, runIntegers } from '../../src/ship/interpreter.js';
import { lowerNetwork } from '../../src/ship/lowering.js';
import { packNetwork } from '../../src/ship/packedFile.js';
import { randomNetwork, tiedNetwork } from './randomNetwork.js';
import { shippableImages, shippableProgram, shippables } from './shippable.js';

// Node 20 has relaxed SIMD behind a flag, and its first compiler computes it wrongly.
setFlagsFromString('--experimental-wasm-relaxed-simd');
setFlagsFromString('--no-liftoff');

const kinds = ['simd', 'relaxed', 'plain'] as const;
const classes = Array.from({ length: 10 }, (_, index) => `class ${index}`);

describe.each(Object.entries(shippables))('%s', (_, shippable) => {
  const { network } = lowerNetwork(shippableProgram(shippable), classes);
  const file = packNetwork(network);
  const expected = shippableImages(3, shippable.side).map((image) => {
    const own = new Map<string, Int32Array>();
    return { image, own, logits: runIntegers(network, image, ({ name }, values) => own.set(name, values)) };
  });

  it.each(kinds)('%s kernels give the same integers', async (kernels) => {
    const deployed = await load(file, { kernels });
    for (const { image, own, logits } of expected) {
      let traced = 0;
      const differing: string[] = [];
      const got = deployed.trace(image, ({ name }, values) => {
        traced++;
        if (values.some((value, i) => value !== own.get(name)![i])) differing.push(name);
      });
      expect(differing).toEqual([]);
      expect(traced).toBeGreaterThanOrEqual(network.layers.filter(({ op }) => op === 'convolution').length);
      expect([...got]).toEqual([...logits]);
    }
    const [first] = expected;
    expect([...deployed.logits(first!.image)]).toEqual([...first!.logits]);
  });
});

it('random networks give the same integers', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { network, images } = randomNetwork(seed);
    const file = packNetwork(network);
    const deployed = await Promise.all(kinds.map(async (kernels) => [kernels, await load(file, { kernels })] as const));
    for (const image of images) {
      const own = new Map<string, Int32Array>();
      const logits = runIntegers(network, image, ({ name }, values) => own.set(name, values));
      for (const [kernels, { trace }] of deployed) {
        const differing: string[] = [];
        const got = trace(image, ({ name }, values) => {
          if (values.some((value, i) => value !== own.get(name)![i])) differing.push(`${kernels} ${seed}: ${name}`);
        });
        expect(differing).toEqual([]);
        expect([...got]).toEqual([...logits]);
      }
    }
  }
});

it.each(kinds)('%s kernels take the first of equal classes', async (kernels) => {
  const { network, images } = tiedNetwork();
  const deployed = await load(packNetwork(network), { kernels });
  for (const image of images) {
    const logits = [...runIntegers(network, image)];
    expect(new Set(logits).size).toBe(1);
    expect([predictionOf(logits), deployed.predict(image), deployed.classify(image)[0]!.index]).toEqual([0, 0, 0]);
  }
});

describe('without relaxed SIMD', () => {
  const file = packNetwork(randomNetwork(1).network);
  const fastestKernels = async () => (await load(file)).kernels;
  const refused = (kernels: 'relaxed' | 'simd', others: string) =>
    expect(load(file, { kernels })).rejects.toThrow(
      new InputError(
        `kernels = ${kernels}: this machine does not run them right; take ${others}, or leave it out for the fastest`,
      ),
    );

  it('its kernels are refused in words', async () => {
    const isSimd = vi.spyOn(WebAssembly, 'validate').mockReturnValueOnce(false);
    await refused('relaxed', 'simd or plain');
    isSimd.mockReturnValue(false);
    await refused('simd', 'plain');
    expect(await fastestKernels()).toBe('plain');
    isSimd.mockRestore();
  });

  it('and without WebAssembly there is JavaScript', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    await refused('relaxed', 'plain');
    expect(await fastestKernels()).toBe('plain');
    vi.unstubAllGlobals();
  });
});

it('has a class for every pixel where every pixel has logits', async () => {
  const shippable = shippables['an own network: a class for every pixel, of a sum']!;
  const { network } = lowerNetwork(shippableProgram(shippable), classes);
  const deployed = await load(packNetwork(network));
  const image = shippableImages(3, 8)[2]!;
  expect(deployed.outputShape).toEqual([4, 4, 10]);
  const logits = runIntegers(network, image);
  const pixels = Array.from({ length: 16 }, (_, pixel) => predictionOf(logits.subarray(10 * pixel, 10 * pixel + 10)));
  expect([...deployed.predictPixels(image)]).toEqual(pixels);
  expect(() => deployed.classify(image)).toThrow('4×4×10 logits, a class for every pixel: predictPixels');
});

it('has no class where outputs are none; files of older versions are of classes', async () => {
  const { network, images } = randomNetwork(1);
  const ofLabels = await load(packNetwork({ ...network, loss: 'labels' }));
  expect(() => ofLabels.classify(images[0]!)).toThrow('trained with loss = labels, its outputs are no classes: logits');
  const { loss: _, ...older } = network;
  const ofOlder = await load(packNetwork(older as typeof network));
  expect(ofOlder.classify(images[0]!)).toHaveLength(network.classes.length);
});

it('names the classes, the likeliest first', async () => {
  const shippable = shippables['fixed 2 and 4 bits']!;
  const { network } = lowerNetwork(shippableProgram(shippable), classes);
  const deployed = await load(packNetwork(network));
  const image = shippableImages(3, 16)[2]!;
  const all = deployed.classify(image);
  expect(all[0]!.index).toBe(deployed.predict(image));
  expect(all[0]!.name).toBe(`class ${all[0]!.index}`);
  expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
  expect(() => deployed.logits(image.subarray(1))).toThrow('an input has 16×16×3 = 768 numbers, not 767');
});
