/** Processes of lanes: what they tell, and how they end; scripts of Node stand for trainings. */

import { expect, it } from 'vitest';
import { InputError } from '../../errors.js';
import type { RunEnd } from './executePlan.js';
import type { PlannedRun } from './planRuns.js';
import { processLanes } from './processLanes.js';

const run = {} as PlannedRun;

/** Trains in a process that is this script; tells what it has told. */
async function trainedBy(script: string, signal = new AbortController().signal) {
  const told: unknown[] = [];
  const events = {
    task: (...given: unknown[]) => told.push(given),
    line: (...given: unknown[]) => told.push(given),
    onStep: (...given: unknown[]) => told.push(given),
  };
  const lanes = processLanes(1, (_, lane) => [process.execPath, '-e', script, String(lane)]);
  const end = await lanes.train(run, { events, signal, onTraining: () => told.push('trains') });
  return { end, told };
}

it('tell events as they are, numbers that are none among them, and their end', async () => {
  const end: RunEnd = { type: 'left out', reason: 'nothing to start from' };
  const { told, end: heard } = await trainedBy(`
    process.send({ type: 'task', given: ['reading', 1, 2] });
    process.send({ type: 'onTraining', given: [] });
    process.send({ type: 'onStep', given: [{ rate: NaN, quantizers: { bits: Float32Array.of(2, 4) } }] });
    process.send({ type: 'ends', given: [${JSON.stringify(end)}] });
  `);
  expect(told).toEqual([
    ['reading', 1, 2],
    'trains',
    [{ rate: Number.NaN, quantizers: { bits: Float32Array.of(2, 4) } }],
  ]);
  expect(heard).toEqual(end);
});

it('that end without a word have failed, with their last line', async () => {
  const { end } = await trainedBy(`console.error('first\\nmpdnn: out of memory'); process.exitCode = 1;`);
  expect(end).toEqual({ type: 'failed', reason: 'its process has ended with 1: mpdnn: out of memory' });
  const killed = await trainedBy(`process.kill(process.pid, 'SIGKILL')`);
  expect(killed.end).toEqual({ type: 'failed', reason: 'its process has ended with SIGKILL' });
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
    process.send({ type: 'line', given: ['listens'] });
  `;
  const lanes = processLanes(1, () => [process.execPath, '-e', script]);
  const events = { task: () => {}, line: () => interrupt.abort() };
  expect(await lanes.train(run, { events, signal: interrupt.signal, onTraining: () => {} })).toBeNull();
});
