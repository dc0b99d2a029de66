/** Trainings that get a program together, with an engine that loads nothing. */

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

/**
 * An engine whose programs tell by `planBytes` with how many they were loaded: tens for all, ones for their place. It holds
 * at most `most` at a time.
 */
function engineOf({ most, disposed = [] }: { readonly most: number | null; readonly disposed?: number[] }): Engine {
  const program = (planBytes: number) =>
    ({ planBytes, dispose: async () => void disposed.push(planBytes) }) as unknown as Program;
  return {
    name: 'gpu',
    description: 'none',
    load: async () => program(10),
    dispose: () => Promise.reject(new Error('it is shared')),
    ...(most !== null && {
      loadTogether: async (plans: readonly unknown[]) =>
        plans.map((_, place) => (place < most ? Promise.resolve(program(10 * plans.length + place)) : null)),
    }),
  };
}

/** Lets go on what waits for nothing. */
const settled = () => new Promise(setImmediate);

it('loads plans together as soon as all have asked or left', async () => {
  const disposed: number[] = [];
  const shares = sharedEngine(engineOf({ most: 9, disposed }), 4);
  const loading = [5, 7, 5].map((length, index) => shares[index]!.engine.load(planOf(length)));
  let isLoaded = false;
  loading[0]!.then(() => {
    isLoaded = true;
  });
  await settled();
  expect(isLoaded).toBe(false);
  shares[3]!.leave();
  shares[3]!.leave();
  expect((await Promise.all(loading)).map(({ planBytes }) => planBytes)).toEqual([30, 31, 32]);
  await shares[0]!.engine.dispose();
  // It would wait for trainings that ask no more.
  await expect(shares[0]!.engine.load(planOf(5))).rejects.toThrow('loads one plan');
  shares[2]!.leave();
  await settled();
  expect(disposed).toEqual([32]);
});

it('loads each by itself on an engine that computes one at a time', async () => {
  const programs = sharedEngine(engineOf({ most: null }), 2).map(({ engine }) => engine.load(planOf(5)));
  expect((await Promise.all(programs)).map(({ planBytes }) => planBytes)).toEqual([10, 10]);
});

it('lets those wait for which the memory has no room, until the others have left, or the signal comes', async () => {
  const stop = new AbortController();
  const lines: string[] = [];
  const onFewer = (atOnce: number, all: number) => lines.push(`${atOnce} of ${all}`);
  const shares = sharedEngine(engineOf({ most: 2 }), 5, { signal: stop.signal, onFewer });
  const loaded: number[] = [];
  const ends = shares.map(({ engine }) =>
    engine
      .load(planOf(5))
      .then(({ planBytes }) => loaded.push(planBytes))
      .catch((error) => error.message),
  );
  await settled();
  expect(loaded).toEqual([50, 51]);
  shares[0]!.leave();
  await settled();
  expect(loaded).toEqual([50, 51]);
  shares[1]!.leave();
  await settled();
  expect(loaded).toEqual([50, 51, 30, 31]);
  stop.abort(new Error('Ctrl-C'));
  expect(await ends[4]).toBe('Ctrl-C');
  expect(lines).toEqual(['2 of 5', '2 of 3']);
  for (const { leave } of shares) leave();
});

it('tells all of them of an error', async () => {
  const engine = { ...engineOf({ most: 9 }), loadTogether: () => Promise.reject(new Error('the device is lost')) };
  const ends = sharedEngine(engine, 2).map(({ engine }) => engine.load(planOf(5)));
  for (const { reason } of (await Promise.allSettled(ends)) as PromiseRejectedResult[]) {
    expect(reason.message).toBe('the device is lost');
  }
});
