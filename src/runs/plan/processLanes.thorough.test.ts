/** Processes of lanes: what they tell, and how they end; scripts of Node stand for trainings. */

import { expect, it } from 'vitest';
import { InputError } from '../../errors.js';
import type { RunEnd } from './executePlan.js';
import type { PlannedRun } from './planRuns.js';
import { processLanes } from './processLanes.js';

const [first, second] = ['seed-0/A', 'seed-1/A'].map((path) => ({ path })) as [PlannedRun, PlannedRun];

const quiet = { events: { task: () => {}, line: () => {} }, onTraining: () => {}, note: () => {} };

/** Trains runs in a process that is this script; tells what it has told, and their ends in their order. */
async function trainedBy(script: string, runs: readonly PlannedRun[] = [first]) {
  const told: unknown[] = [];
  const events = {
    task: (...given: unknown[]) => told.push(given),
    line: (...given: unknown[]) => told.push(given),
    onStep: (...given: unknown[]) => told.push(given),
  };
  const { signal } = new AbortController();
  const lanes = processLanes([2], () => [process.execPath, '-e', script]);
  const lane = lanes.open(runs.length);
  const note = (text: string) => told.push(text);
  const how = { events, signal, onTraining: () => told.push('trains'), note };
  const ends = await Promise.all(runs.map((run) => lane.train(run, how).finally(() => lane.leave(run))));
  expect(lanes.freePlaces()).toEqual([2]);
  return { ends, told };
}

it('tell events as they are, numbers that are none among them, and their end', async () => {
  const end: RunEnd = { type: 'left out', reason: 'nothing to start from' };
  const { told, ends } = await trainedBy(`
    const path = 'seed-0/A';
    process.send({ path, type: 'task', given: ['reading', 1, 2] });
    process.send({ type: 'note', text: 'NOTE: of all' });
    process.send({ path, type: 'onTraining', given: [] });
    process.send({ path, type: 'onStep', given: [{ rate: NaN, quantizers: { bits: Float32Array.of(2, 4) } }] });
    process.send({ path, type: 'ends', given: [${JSON.stringify(end)}] });
  `);
  expect(told).toEqual([
    ['reading', 1, 2],
    'NOTE: of all',
    'trains',
    [{ rate: Number.NaN, quantizers: { bits: Float32Array.of(2, 4) } }],
  ]);
  expect(ends).toEqual([end]);
});

it('that train some runs tell the end of each, and all have ended with the process', async () => {
  const ended = (path: string) => `process.send({ path: '${path}', type: 'ends', given: [{ type: 'finished' }] });`;
  expect((await trainedBy(ended(second.path) + ended(first.path), [first, second])).ends).toEqual([
    { type: 'finished' },
    { type: 'finished' },
  ]);
  const script = `${ended(second.path)} console.error('mpdnn: the device is lost'); process.exitCode = 1;`;
  expect((await trainedBy(script, [first, second])).ends).toEqual([
    { type: 'failed', reason: 'its process has ended with 1: mpdnn: the device is lost' },
    { type: 'finished' },
  ]);
});

it('begin when all runs of a lane have come or left, and none where all have left', async () => {
  const commands: string[][] = [];
  const lanes = processLanes([1, 2], (runs, lane) => {
    commands.push([String(lane), ...runs.map(({ path }) => path)]);
    return [process.execPath, '-e', ''];
  });
  const how = { ...quiet, signal: new AbortController().signal };
  expect([lanes.atOnce, lanes.freePlaces()]).toEqual([3, [1, 2]]);
  const none = lanes.open(1);
  expect(lanes.freePlaces()).toEqual([2]);
  const lane = lanes.open(2);
  expect(lanes.freePlaces()).toEqual([]);
  none.leave(first);
  const end = lane.train(second, how);
  expect([lanes.freePlaces(), commands]).toEqual([[1], []]);
  lane.leave(first);
  expect(commands).toEqual([['1', second.path]]);
  expect(await end).toMatchObject({ type: 'failed' });
  lane.leave(second);
  expect(lanes.freePlaces()).toEqual([2, 1]);
});

it('that end without a word have failed, with their last line', async () => {
  const { ends } = await trainedBy(`console.error('first\\nmpdnn: out of memory'); process.exitCode = 1;`);
  expect(ends).toEqual([{ type: 'failed', reason: 'its process has ended with 1: mpdnn: out of memory' }]);
  const killed = await trainedBy(`process.kill(process.pid, 'SIGKILL')`);
  expect(killed.ends).toEqual([{ type: 'failed', reason: 'its process has ended with SIGKILL' }]);
});

it('throw what is wrong with the call', async () => {
  const wrong = trainedBy(`console.error('mpdnn: nowhere: no such folder'); process.exitCode = 2;`);
  await expect(wrong).rejects.toThrow(new InputError('nowhere: no such folder'));
});

it('are asked to end by the signal, and have then been interrupted', async () => {
  const interrupt = new AbortController();
  const script = `
    process.on('SIGTERM', () => process.exit(130));
    setInterval(() => {}, 1000);
    process.send({ path: 'seed-0/A', type: 'line', given: ['listens'] });
  `;
  const lane = processLanes([1], () => [process.execPath, '-e', script]).open(1);
  const events = { task: () => {}, line: () => interrupt.abort() };
  const how = { ...quiet, events, signal: interrupt.signal };
  expect(await lane.train(first, how)).toBeNull();
  // One that comes late begins no process.
  expect(
    await processLanes([1], () => ['nowhere'])
      .open(1)
      .train(first, how),
  ).toBeNull();
});

it('that cannot be started have failed, all of them', async () => {
  const lane = processLanes([2], () => [process.execPath, '-e', ' '.repeat(300_000)]).open(2);
  const how = { ...quiet, signal: new AbortController().signal };
  const ends = await Promise.allSettled([first, second].map((run) => lane.train(run, how)));
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
