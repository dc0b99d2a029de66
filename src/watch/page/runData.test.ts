import { expect, it } from 'vitest';
import { momentAt, RunData } from './runData.js';

const sizes = { weights_kb: 2, activations_max_kb: 1, activations_sum_kb: 3, activations_peak_kb: null };
const budget = { weights_kb: 2, activations_kb: null, activations: 'sum' };
const first = { type: 'run', version: 1, epochs: 4, budget, tensors: [] };
const step = { type: 'step', step: 5, epoch: 2, batch: 1, batches: 4, seconds: 1, loss1: 0.5, error: 0.25, ...sizes };
const epoch = { type: 'epoch', epoch: 1, val_err: 0.5, bits: [3], ...sizes };

function told(...lines: readonly unknown[]): RunData {
  const data = new RunData();
  for (const line of lines) data.add(typeof line === 'string' ? line : JSON.stringify(line));
  return data;
}

it('has a point a line, over epochs', () => {
  const data = told(first, { ...step, bits: [4] }, { ...step, batch: 2, loss1: 0.4 });
  expect(data.steps.loss).toEqual({ x: [1.25, 1.5], y: [0.5, 0.4] });
  expect(data.steps.activations.y).toEqual([3, 3]);
  expect(data.position).toBe(1.5);
});

it('knows the bits at any time', () => {
  const data = told(first, { ...step, bits: [4] }, { ...step, batch: 3, bits: [2] });
  expect([0, 1.25, 1.7, 1.75, 9].map((x) => data.bitsAt(x)[0])).toEqual([4, 4, 4, 2, 2]);
  expect(momentAt(data.bits, 1)).toBeUndefined();
  expect(new RunData().bitsAt(1)).toEqual([]);
});

it('has a value for every epoch of a run without lines of its steps', () => {
  const data = told(first, epoch, { ...epoch, epoch: 2, bits: [2] });
  expect(data.epochCurve((each) => data.activationsOf(each))).toEqual({ x: [1, 2], y: [3, 3] });
  expect(data.bitsAt(2)).toEqual([2]);
  expect(data.epochCurve(({ val_err }) => val_err)).toEqual({ x: [1, 2], y: [0.5, 0.5] });
});

it('counts damaged lines, and stops at a file of a younger program', () => {
  const data = told(first, '{"type":"st', step);
  expect([data.damaged, data.steps.loss.x.length]).toEqual([1, 1]);
  const younger = told({ ...first, version: 2 }, step);
  expect(younger.fault).toBe('live.jsonl: has version 2, this program reads up to version 1; take a younger one');
  expect(younger.last).toBeNull();
});
