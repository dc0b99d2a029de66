/** Steps that the host is ahead of a device, whose steps take as long as they are told to. */

import { afterEach, expect, it, vi } from 'vitest';
import { yieldToEventLoop } from '../../eventLoop.js';
import { workAhead } from './workAhead.js';

afterEach(() => void vi.restoreAllMocks());

/** The steps that a device has before it, after each of so many that it is given; it works on them while the host waits. */
async function stepsAhead(steps: number, ms: number): Promise<number[]> {
  let time = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => time);
  const accepts = workAhead();
  const ends: (() => void)[] = [];
  const ahead: number[] = [];
  for (let step = 0; step < steps; step++) {
    let isAccepted = false;
    const accepted = accepts(new Promise<void>((end) => ends.push(end))).then(() => {
      isAccepted = true;
    });
    await yieldToEventLoop();
    while (!isAccepted) {
      time += ms;
      ends.shift()!();
      await yieldToEventLoop();
    }
    await accepted;
    ahead.push(ends.length);
  }
  return ahead;
}

it('is 16 steps ahead at most, and a few where steps take long', async () => {
  const short = await stepsAhead(40, 2);
  expect(short.slice(0, 15)).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
  expect(new Set(short.slice(15))).toEqual(new Set([15]));
  const long = await stepsAhead(40, 2000);
  expect(Math.max(...long)).toBe(15);
  expect(new Set(long.slice(15))).toEqual(new Set([3]));
});

it('tells of an error of the step for which it waits', async () => {
  const accepts = workAhead();
  const steps = Array.from({ length: 16 }, (_, index) => (index === 0 ? Promise.reject(new Error('lost')) : null));
  const asked = steps.map((done) => accepts(done ?? Promise.resolve()));
  await expect(asked[15]).rejects.toThrow('lost');
});
