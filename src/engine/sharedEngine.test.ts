/** Which trainings get a program together, with an engine that loads nothing. */

import { expect, it } from 'vitest';
import { Graph } from '../graph/index.js';
import { makePlan } from '../passes/index.js';
import type { Engine, Program } from './engine.js';
import { sharedEngine } from './sharedEngine.js';

function planOf(length: number) {
  const graph = new Graph();
  const x = graph.whole({ name: 'x', dtype: 'float', length });
  graph.append('copy', { x }, { y: graph.whole({ name: 'y', dtype: 'float', length }) }, {});
  return makePlan({ train: graph });
}

/** An engine whose programs tell by `planBytes` how they were loaded: tens for those together, ones for their place. */
function engineOf(computesTogether: boolean, disposed: number[] = []): Engine {
  const program = (planBytes: number) =>
    ({ planBytes, dispose: async () => void disposed.push(planBytes) }) as unknown as Program;
  return {
    name: 'gpu',
    description: 'none',
    load: async () => program(10),
    dispose: () => Promise.reject(new Error('it is shared')),
    ...(computesTogether && {
      loadTogether: async (_plan: unknown, networks: number) =>
        Array.from({ length: networks }, (_, place) => program(10 * networks + place)),
    }),
  };
}

it('loads equal plans together as soon as all have asked or left', async () => {
  const disposed: number[] = [];
  const shares = sharedEngine(engineOf(true, disposed), 4);
  const loading = [5, 7, 5].map((length, index) => shares[index]!.engine.load(planOf(length)));
  let isLoaded = false;
  loading[0]!.then(() => {
    isLoaded = true;
  });
  await new Promise(setImmediate);
  expect(isLoaded).toBe(false);
  shares[3]!.leave();
  shares[3]!.leave();
  expect((await Promise.all(loading)).map(({ planBytes }) => planBytes)).toEqual([20, 10, 21]);
  await shares[0]!.engine.dispose();
  // It would wait for trainings that ask no more.
  await expect(shares[0]!.engine.load(planOf(5))).rejects.toThrow('loads one plan');
  shares[2]!.leave();
  await new Promise(setImmediate);
  expect(disposed).toEqual([21]);
});

it('loads each by itself on an engine that computes one at a time', async () => {
  const programs = sharedEngine(engineOf(false), 2).map(({ engine }) => engine.load(planOf(5)));
  expect((await Promise.all(programs)).map(({ planBytes }) => planBytes)).toEqual([10, 10]);
});
