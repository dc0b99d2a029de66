import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { epochReport, stepReport } from '../../test/trainingReports.js';
import { liveFile } from './liveFile.js';
import { type LiveLine, type LiveRun, readLiveLine } from './liveFormat.js';

const run: LiveRun = {
  type: 'run',
  version: 1,
  epochs: 2,
  budget: { weights_kb: 0.8, activations_kb: null, activations: 'max', gbops: null },
  tensors: [],
};
function linesOf(path: string): (LiveLine | null)[] {
  const text = readFileSync(path, 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => readLiveLine(line, path));
}

describe('live.jsonl', () => {
  it('has a line a report: bits where they changed, ranges and gradients once a second', () => {
    const path = join(temporaryFolder(), 'live.jsonl');
    const file = liveFile(path, run);
    file.begin({ epoch: 0, step: 0 });
    file.step(stepReport(1, 0.25, [4]));
    file.step(stepReport(2, 0.5, [4]));
    file.step(stepReport(3, 1.25, [3]));
    file.epoch(epochReport(1));
    const [first, ...rest] = linesOf(path);
    expect(first).toEqual(run);
    expect(rest).toMatchObject([
      {
        type: 'step',
        step: 1,
        loss1: 0.33333,
        bits: [4],
        ranges: [0.33333, 1],
        gradients: [0.667, 0],
        limited: [0.5, 0],
      },
      { type: 'step', step: 2, error: 0.25 },
      { type: 'step', step: 3, bits: [3], ranges: [0.33333, 1] },
      { type: 'epoch', epoch: 1, val_err: 0.5, bits: [4] },
    ]);
    expect(Object.keys(rest[1]!)).not.toContain('bits');
    expect(Object.keys(rest[1]!)).not.toContain('ranges');
  });

  it('grows with the logarithm of the time where it has much to say', () => {
    const path = join(temporaryFolder(), 'live.jsonl');
    const file = liveFile(path, run);
    file.begin({ epoch: 0, step: 0 });
    for (const seconds of [10_000, 10_005, 10_009, 10_011]) file.step(stepReport(1, seconds, [4]));
    expect(linesOf(path).map((line) => line?.type === 'step' && line.ranges !== undefined)).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  it('is cut back to where a run goes on, without what a crash has left', () => {
    const path = join(temporaryFolder(), 'live.jsonl');
    const before = liveFile(path, run);
    before.begin({ epoch: 0, step: 0 });
    before.step(stepReport(4, 1, [4]));
    before.epoch(epochReport(1));
    before.step(stepReport(6, 2, [3]));
    before.step(stepReport(8, 3, [3]));
    before.epoch(epochReport(2));
    appendFileSync(path, '{"type":"step","st');
    liveFile(path, { ...run, epochs: 3 }).begin({ epoch: 1, step: 6 });
    expect(linesOf(path)).toMatchObject([
      { type: 'run', epochs: 3 },
      { step: 4 },
      { epoch: 1, val_err: 0.5 },
      { step: 6 },
    ]);
  });

  it('of a younger program is left alone', () => {
    const path = join(temporaryFolder(), 'live.jsonl');
    writeFileSync(path, '{"type":"run","version":2,"tensors":[]}\n');
    expect(() => liveFile(path, run).begin({ epoch: 0, step: 0 })).toThrow(
      `${path}: has version 2, this program reads up to version 1; take a younger one`,
    );
    expect(readFileSync(path, 'utf8')).toContain('"version":2');
  });

  it.each(['', '{"type":"step"', '{"type":"step"}', '{"type":"other"}', 'null', '1', '{"type":"run","version":1}'])(
    'passes over the line %j',
    (line) => expect(readLiveLine(line, 'live.jsonl')).toBeNull(),
  );
});
