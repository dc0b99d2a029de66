/** A step in shards against the steps of its shards, and the tree that sums them. */

import { describe, expect, it, vi } from 'vitest';
import { rendezvous } from '../../test/rendezvous.js';
import type { ImageSet, InputArray } from '../data/imageSet.js';
import type { ImageStream } from '../data/imageStream.js';
import { createRandom, generateSynthetic, limit, trainingEpoch } from '../data/index.js';
import { selectEngine } from '../engine/selectEngine.js';
import { STORAGE } from '../nn/index.js';
import { CONTROL, METRICS } from '../ops/attributes.js';
import { lastWrite } from '../passes/lastWrite.js';
import { experimentFromSettings } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { batchFeed, trainingStorages } from './batchFeed.js';
import { rounded, widened } from './bfloat16.js';
import { divide } from './divide.js';
import { disagreement, firstBefore, isTrueOfAny, oneRank } from './ranks.js';
import { openSession, type Session } from './session.js';
import { shardedStep, shardResults } from './shardedStep.js';
import { ownShards } from './step.js';
import { stepParts } from './stepParts.js';
import { buildTrainingProgram } from './trainingProgram.js';
import { type FloatVector, TreeSum } from './treeSum.js';

const { train: images } = generateSynthetic(3, 16);
const table = trainingEpoch(images.count, 16, createRandom(5), { shift: 4, mirror: true });

/** The tiny network with its start values on one thread, at the first batch of its shards. */
async function sessionOf(
  batchSize: number,
  shards: number,
  ranks = oneRank,
  { isStreamed = false, damps = false, precision = 'float32' } = {},
): Promise<Session> {
  const kinds = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu', a_stepsize: 0.1 };
  const batch = { batch_size: batchSize, shards, shard_precision: precision };
  const settings = { model: 'tiny', data: 'synthetic', ...batch, bn_reestimate: 1, w_per_channel: true, ...kinds };
  const experiment = experimentFromSettings('S', 's.cfg', settings);
  const shape = {
    classes: 10,
    imageShape: [32, 32, 3] as const,
    trainImages: images.count,
    evaluationImages: 11,
    isStreamed,
  };
  const options = { ...programOptions(experiment, shape, null), gradientBatches: 1, damps };
  const engine = await selectEngine('cpu', { threads: 1 });
  const session = await openSession(engine, buildTrainingProgram(options), undefined, ranks);
  session.program.write(STORAGE.control, [0.05, 0.1, 0.1, 0]);
  return session;
}

async function read({ program }: Session, ...storages: readonly string[]): Promise<number[][]> {
  return Promise.all(storages.map(async (name) => [...(await program.read(name))]));
}

/** Float32's mean of two vectors. */
function mean(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => Math.fround(value + b[i]!) / 2);
}

/** Every rank's session, at the first batch. */
async function sessionsOf(size: number, shards: number, precision = 'float32'): Promise<Session[]> {
  const sessions = await Promise.all(rendezvous(size).map((ranks) => sessionOf(16, shards, ranks, { precision })));
  for (const session of sessions) {
    session.setTrainingImages(images);
    session.setBatches(table);
  }
  return sessions;
}

/** Resident images as if they were decoded from files, each of which `onFile` hears of. */
function streamOf({ images, labels, ...shape }: ImageSet<InputArray>, onFile: (file: string) => void): ImageStream {
  const { count, height, width, channels } = shape;
  const size = height * width * channels;
  const unknown = { bytes: 0, modifiedMs: 0 };
  return {
    ...{ count, height, width, channels, framing: 'fill', sizes: null },
    files: Array.from(labels, (label, i) => ({ file: String(i), name: String(i), label, ...unknown })),
    decoders: {
      threads: 1,
      measure: async () => ({ width, height }),
      decode: async (file, _, target) => {
        onFile(file);
        target.set(images.subarray(Number(file) * size, (Number(file) + 1) * size));
        return { width, height };
      },
      close: async () => {},
    },
  };
}

const learned = [STORAGE.parameters, STORAGE.quantizers, STORAGE.running, STORAGE.velocity, STORAGE.metrics];
const averaged = [STORAGE.gradients, STORAGE.quantizerSums, STORAGE.running, STORAGE.loss];

describe('a step in shards', () => {
  it.each(['float32', 'bfloat16'])(
    'is made by the mean of what its shards would do alone, in %s',
    async (precision) => {
      const both = await sessionOf(16, 2, oneRank, { precision });
      both.setTrainingImages(images);
      both.setBatches(table);
      expect(await both.step(0)).toBeNull();
      const halves = await Promise.all(
        [0, 1].map(async (half) => {
          const session = await sessionOf(8, 1);
          session.setTrainingImages(images);
          session.setBatches({ ...table, batches: 2, batchSize: 8 });
          expect(await session.step(half)).toBeNull();
          return read(session, ...averaged);
        }),
      );
      const [first, second] = halves as [number[][], number[][]];
      const means = first.map((values, i) => mean(values, second[i]!));
      if (precision === 'bfloat16') {
        const round = (values: readonly number[]) => [...widened(rounded(Float32Array.from(values)))];
        const weights = round(mean(round(first[0]!), round(second[0]!)));
        const exponents = both.training.variables.parameters.filter(({ group }) => group === 'exponent');
        const begin = Math.min(...exponents.map(({ view }) => view.offset));
        expect(means[0]).not.toEqual(weights);
        means[0] = [...weights.slice(0, begin), ...means[0]!.slice(begin)];
      }
      expect(await read(both, ...averaged)).toEqual(means);
      expect(first[2]).not.toEqual(second[2]);
      const [metrics] = await read(both, STORAGE.metrics);
      expect(metrics![METRICS.steps]).toBe(1);
      expect(metrics![METRICS.wrong]).toBe((first[3]![1]! + second[3]![1]!) / 2);
    },
  );

  it('leaves all as it was where an image cannot be had', async () => {
    const session = await sessionOf(16, 4);
    session.setTrainingImages(images);
    session.setBatches(table);
    const before = await read(session, ...learned);
    const fault = new Error('no such image');
    const { write } = session.program;
    vi.spyOn(session.program, 'write').mockImplementation((storage, values, offset) => {
      if (storage === STORAGE.position && values[0] === 2) throw fault;
      write.call(session.program, storage, values, offset);
    });
    expect(await session.step(0)).toBe(fault);
    expect(await read(session, ...learned)).toEqual(before);
  });
});

it('the squares of gradients that are measured are those of the step on the same images, without damping', async () => {
  const session = await sessionOf(16, 1, oneRank, { damps: true });
  session.setTrainingImages(images);
  session.program.write(STORAGE.control, [9, -9], CONTROL.damping);
  const measured = await session.measureGradients(table);
  session.program.write(STORAGE.control, [0, 0], CONTROL.damping);
  session.setBatches(table);
  expect(await session.step(0)).toBeNull();
  const [gradients] = await read(session, STORAGE.gradients);
  expect([...measured]).toEqual(gradients!.map((gradient) => gradient ** 2));
});

describe('ranks', () => {
  it.each(['float32', 'bfloat16'])(
    'have the bits of one that has all shards, however many they are, in %s',
    async (precision) => {
      const [alone] = await sessionsOf(1, 4, precision);
      expect(await alone!.step(0)).toBeNull();
      const wanted = await read(alone!, ...learned);
      for (const size of [2, 4]) {
        const sessions = await sessionsOf(size, 4, precision);
        expect(await Promise.all(sessions.map((session) => session.step(0)))).toEqual(Array(size).fill(null));
        for (const session of sessions) expect(await read(session, ...learned)).toEqual(wanted);
      }
    },
  );

  it('measure moments of batch normalisation with the bits of one', async () => {
    const measured = async (size: number) => {
      const sessions = await sessionsOf(size, 4);
      await Promise.all(sessions.map((session) => session.measureMoments(table)));
      return Promise.all(sessions.map((session) => read(session, STORAGE.running)));
    };
    const [wanted] = await measured(1);
    for (const size of [2, 4]) expect(await measured(size)).toEqual(Array(size).fill(wanted));
  });

  it('measure squares of gradients with the bits of one, and change nothing', async () => {
    const measured = async (size: number) => {
      const sessions = await sessionsOf(size, 4);
      const before = await read(sessions[0]!, ...learned);
      const squares = await Promise.all(sessions.map((session) => session.measureGradients(table)));
      for (const session of sessions) expect(await read(session, ...learned)).toEqual(before);
      return squares;
    };
    const [wanted] = await measured(1);
    expect(Math.max(...wanted!)).toBeGreaterThan(0);
    for (const size of [2, 4]) expect(await measured(size)).toEqual(Array(size).fill(wanted));
  });

  it('have the same bits in however many parts they exchange what their shards leave', async () => {
    const learnedIn = async (partLength: number) => {
      const sessions = await sessionsOf(2, 4);
      const steps = sessions.map(async ({ program, training, ranks }) => {
        const feed = batchFeed(program, trainingStorages, images);
        feed.begin(ownShards(table, 4, ranks));
        return shardedStep(program, training, await shardResults(program, training, partLength), feed, 0, ranks);
      });
      expect(await Promise.all(steps)).toEqual([null, null]);
      return read(sessions[1]!, ...learned);
    };
    expect(await learnedIn(100)).toEqual(await learnedIn(2 ** 20));
  });

  it.each(['float32', 'bfloat16'])(
    'exchange every value of a shard once, first those that the backward pass has first, in %s',
    async (precision) => {
      const { training } = await sessionOf(16, 4, oneRank, { precision });
      const { plan } = training;
      const parts = stepParts(training, 100).map(({ ranges }) => ranges);
      const ranges = parts.flat();
      const gradients = ranges.filter(({ storage }) => storage === STORAGE.gradients);
      const { length } = plan.storages.find(({ name }) => name === STORAGE.gradients)!;
      const places = gradients.flatMap((range) => Array.from({ length: range.length }, (_, i) => range.offset + i));
      expect(places.sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
      const done = parts.map((part) => Math.max(...part.map((range) => lastWrite(plan.phases.gradient!, range))));
      expect(done).toEqual([...done].sort((a, b) => a - b));
      expect(parts.at(-1)!.map(({ storage }) => storage)).toEqual(expect.arrayContaining(averaged));
    },
  );

  it.each([
    ['float32', -1],
    ['bfloat16', -2],
  ])('wait for the gradients of the first layer alone when all others are there, in %s', async (precision, last) => {
    const { training } = await sessionOf(16, 4, oneRank, { precision });
    const late = stepParts(training)
      .at(last)!
      .ranges.filter(({ storage }) => storage === STORAGE.gradients);
    const areIn = training.variables.parameters.filter(({ view }) =>
      late.some(({ offset, length }) => offset <= view.offset && view.offset < offset + length),
    );
    const exponents = precision === 'float32' ? ['Wquant/parametric_fp_d_xmax/exponents'] : [];
    const names = ['W', ...exponents].map((name) => `conv1/quantized_conv/${name}`);
    expect(areIn.map(({ name }) => name)).toEqual([...names, 'conv1/bn/beta', 'conv1/bn/gamma']);
  });

  it('decode the images of their own shards only, to the same bits', async () => {
    const [alone] = await sessionsOf(1, 4);
    expect(await alone!.step(0)).toBeNull();
    const wanted = await read(alone!, ...learned);
    const decoded = await Promise.all(
      rendezvous(2).map(async (ranks) => {
        const files: string[] = [];
        const session = await sessionOf(16, 4, ranks, { isStreamed: true });
        session.setTrainingImages(streamOf(images, (file) => files.push(file)));
        session.setBatches(table);
        expect(await session.step(0)).toBeNull();
        expect(await read(session, ...learned)).toEqual(wanted);
        return files;
      }),
    );
    expect(decoded.map(({ length }) => length)).toEqual([8, 8]);
    expect(new Set(decoded.flat()).size).toBe(16);
  });

  it('evaluate with the bits of one', async () => {
    const evaluated = async (size: number) => {
      const sessions = await Promise.all(rendezvous(size).map((ranks) => sessionOf(4, 4, ranks)));
      for (const session of sessions) session.setEvaluationImages(limit(images, 11, 1));
      return Promise.all(sessions.map((session) => session.evaluate()));
    };
    const [wanted] = await evaluated(1);
    for (const size of [2, 4]) expect(await evaluated(size)).toEqual(Array(size).fill(wanted));
  });

  it('stay together where images of one of them cannot be had', async () => {
    const sessions = await sessionsOf(2, 4);
    const before = await read(sessions[0]!, ...learned);
    const fault = new Error('no such image');
    const { program } = sessions[1]!;
    const { write } = program;
    vi.spyOn(program, 'write').mockImplementation((storage, values, offset) => {
      if (storage === STORAGE.position && values[0] === 1) throw fault;
      write.call(program, storage, values, offset);
    });
    const [other, own] = await Promise.all(sessions.map((session) => session.step(0)));
    expect([other?.message, own]).toEqual(['another rank lacks images', fault]);
    for (const session of sessions) expect(await read(session, ...learned)).toEqual(before);
  });

  it('have all shards of a batch between them', () => {
    const crops = Int32Array.from({ length: 2 * 8 * 4 }, (_, i) => i);
    const entries = Int32Array.from({ length: 2 * 8 * 2 }, (_, i) => i);
    const whole = { entries, crops, batches: 2, batchSize: 8 };
    const own = (rank: number) => ownShards(whole, 2, { ...oneRank, rank, size: 2 });
    expect(own(1)).toMatchObject({ batches: 4, batchSize: 2 });
    expect([...own(1).entries]).toEqual([...entries.subarray(8, 16), ...entries.subarray(24, 32)]);
    expect([...own(0).crops!]).toEqual([...crops.subarray(0, 16), ...crops.subarray(32, 48)]);
    expect(ownShards(whole, 2, oneRank).entries).toBe(entries);
  });

  it('do what leaves something behind for the others in the first of them, then in those', async () => {
    const order: number[] = [];
    const work = rendezvous(4).map((each) => firstBefore(each, async () => order.push(each.rank)));
    await Promise.all(work);
    expect(order[0]).toBe(0);
    expect([...order].sort()).toEqual([0, 1, 2, 3]);
  });

  it('agree on a signal, and say who differs', async () => {
    const ranks = rendezvous(4);
    const votes = await Promise.all(ranks.map((each) => isTrueOfAny(each, each.rank === 2)));
    expect(votes).toEqual([true, true, true, true]);
    const differing = ranks.map((each) => disagreement(each, { images: 'a', settings: each.rank === 3 ? 'b' : 'c' }));
    expect(new Set(await Promise.all(differing))).toEqual(new Set(['rank 3 of 4 has other settings than rank 0']));
    expect(await Promise.all(ranks.map((each) => disagreement(each, { images: 'a' })))).toEqual(Array(4).fill(null));
  });
});

describe('a sum by a tree', () => {
  const vectors: FloatVector[] = Array.from({ length: 8 }, (_, k) =>
    Float32Array.from({ length: 50 }, (_, i) => Math.sin(9 * k + i)),
  );
  const sumOf = (some: readonly FloatVector[]): FloatVector => {
    const sum = new TreeSum();
    for (const vector of some) sum.add(vector.slice());
    return sum.total;
  };

  it('adds neighbours, then neighbours of those', () => {
    const add = (a: FloatVector, b: FloatVector): FloatVector => Float32Array.from(a, (value, i) => value + b[i]!);
    const tree = (some: readonly FloatVector[]): FloatVector =>
      some.length === 1 ? some[0]! : add(tree(some.slice(0, some.length / 2)), tree(some.slice(some.length / 2)));
    expect(sumOf(vectors)).toEqual(tree(vectors));
    expect(sumOf(vectors)).not.toEqual(vectors.reduce(add));
  });

  it('of words is that of the numbers in them', () => {
    const words = [1, 2, 3, 4].map((k) =>
      rounded(Float32Array.from({ length: 2 ** 15 + 2 }, (_, i) => Math.sin(k * i))),
    );
    const [sum, given] = [new TreeSum(), words.map((each) => each.slice())];
    for (const each of words) sum.add(each);
    expect(sum.total).toEqual(sumOf(words.map((each) => widened(each))));
    expect(words).toEqual(given);
  });

  it('is divided by a power of two, every element', () => {
    expect(divide(Float32Array.of(1, 3, -5, 7, 9, 1e-44), 4)).toEqual(
      Float32Array.of(0.25, 0.75, -1.25, 1.75, 2.25, 2.8e-45),
    );
  });

  it('has the same bits whoever adds which half, or quarter', () => {
    const whole = sumOf(vectors);
    for (const parts of [2, 4, 8]) {
      const size = 8 / parts;
      const sums = Array.from({ length: parts }, (_, part) => sumOf(vectors.slice(part * size, (part + 1) * size)));
      expect(sumOf(sums)).toEqual(whole);
    }
  });
});
