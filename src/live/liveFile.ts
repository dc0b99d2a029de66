/** Writes `live.jsonl`. Lines come several times a second while a run trains, so the file is not synced. */

import { appendFileSync, existsSync } from 'node:fs';
import { writeDurably } from '../disk/durableFile.js';
import { writeFault } from '../disk/fileFault.js';
import { readText } from '../disk/readText.js';
import { classification } from '../task.js';
import type { Recorder, RunPosition } from '../train/recorder.js';
import { type LiveLine, type LiveRun, readLiveLine } from './liveFormat.js';
import { liveLines } from './liveLines.js';

/**
 * Records to the file at `path`, which need not exist. `begin` truncates it to a position and throws what
 * `writeDurably` and `readLiveLine` throw; the other methods throw file system errors in words.
 */
export function liveFile(path: string, run: LiveRun): Pick<Recorder, 'begin' | 'step' | 'epoch'> {
  const lines = liveLines(run.task ?? classification);
  return {
    begin: (position) => {
      const kept = existsSync(path) ? readText(path).split('\n').filter(isBefore(position, path)) : [];
      writeDurably(path, [JSON.stringify(run), ...kept, ''].join('\n'));
    },
    step: (report) => append(path, lines.step(report)),
    epoch: (report) => append(path, lines.epoch(report)),
  };
}

/** Tells whether a line is kept when a run goes on from a position; damaged ones and the first are not. */
function isBefore({ epoch, step }: RunPosition, path: string): (text: string) => boolean {
  return (text) => {
    const line = readLiveLine(text, path);
    return line?.type === 'epoch' ? line.epoch <= epoch : line?.type === 'step' && line.step <= step;
  };
}

function append(path: string, line: LiveLine): void {
  try {
    appendFileSync(path, `${JSON.stringify(line)}\n`);
  } catch (error) {
    throw writeFault(error, path);
  }
}
