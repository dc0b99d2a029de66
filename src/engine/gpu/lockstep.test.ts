/** Who runs with whom, without a device. */

import { expect, it } from 'vitest';
import { lockstep } from './lockstep.js';

/** Three networks, and what is submitted for them, as `phase first+count`. */
function three() {
  const submitted: string[] = [];
  const together = lockstep(3, async (phase, first, count) => {
    submitted.push(`${phase} ${first}+${count}`);
    if (phase === 'broken') throw new Error('the device is lost');
  });
  return { ...together, submitted };
}

it('submits a phase once for all that ask for it', async () => {
  const { run, submitted } = three();
  const asked = [run(1, 'train'), run(0, 'train')];
  expect(submitted).toEqual([]);
  await Promise.all([...asked, run(2, 'train')]);
  expect(submitted).toEqual(['train 0+3']);
});

it('lets a network that is ahead wait until the others ask for the same', async () => {
  const { run, submitted } = three();
  const steps = async (network: number, phases: readonly string[]) => {
    for (const phase of phases) await run(network, phase);
  };
  const epoch = ['train', 'evaluate', 'evaluate'];
  await Promise.all([
    steps(0, ['train', ...epoch, 'train']),
    steps(1, [...epoch, 'train']),
    steps(2, ['train', ...epoch, 'train']),
  ]);
  expect(submitted).toEqual(['train 0+3', 'train 0+1', 'train 2+1', 'evaluate 0+3', 'evaluate 0+3', 'train 0+3']);
});

it('submits what a network has asked for before anything else that it does', async () => {
  const { run, settle, submitted } = three();
  const first = run(0, 'train');
  settle(0);
  settle(1);
  await first;
  expect(submitted).toEqual(['train 0+1']);
  await Promise.all([run(0, 'train'), run(1, 'train'), run(2, 'train')]);
  expect(submitted).toEqual(['train 0+1', 'train 0+3']);
});

it('goes on without those that leave', async () => {
  const { run, leave, submitted } = three();
  const others = [run(0, 'train'), run(2, 'train')];
  expect(leave(1)).toBe(false);
  await Promise.all(others);
  const last = run(2, 'evaluate');
  leave(0);
  await last;
  expect(leave(2)).toBe(true);
  expect(submitted).toEqual(['train 0+1', 'train 2+1', 'evaluate 2+1']);
});

it('tells all of them of an error', async () => {
  const { run } = three();
  const ends = await Promise.allSettled([0, 1, 2].map((network) => run(network, 'broken')));
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
});
