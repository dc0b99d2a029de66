/** Checks a folder of golden files: numbers of the published method, computed in float64 by another program. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../engine/engine.js';
import { InputError } from '../errors.js';
import { checkArchitectures } from './architectures.js';
import { checkBitwidths } from './bitwidths.js';
import { checkClipping } from './clipping.js';
import { checkInit } from './init.js';
import { checkPenalty } from './penalty.js';
import { checkQuantizers } from './quantizers.js';
import { checkResnet20Step } from './resnet20Step.js';
import { checkSizes } from './sizes.js';
import { createTally, type FileReport, type Tally } from './tally.js';

const CHECKS: Readonly<Record<string, (path: string, engine: Engine, tally: Tally) => void | Promise<void>>> = {
  'quantizers.json': checkQuantizers,
  'bitwidths.json': (path, _engine, tally) => checkBitwidths(path, tally),
  'init.json': (path, _engine, tally) => checkInit(path, tally),
  'sizes.json': (path, _engine, tally) => checkSizes(path, tally),
  'clipping.json': (path, _engine, tally) => checkClipping(path, tally),
  'penalty.json': checkPenalty,
  'resnet20_step.json': checkResnet20Step,
  'resnet18.json': (path, _engine, tally) => checkArchitectures(path, tally),
};

/**
 * Checks every golden file of a folder, and calls `onFile` after each. Anything that stops a check (an unknown schema
 * version, a fault of the engine) is a failure of its file in words. JSON files of other names are reported as skipped
 * and are not counted.
 *
 * @throws {InputError} if the folder has no golden file.
 */
export async function checkGolden(
  directory: string,
  engine: Engine,
  onFile: (line: FileReport) => void,
): Promise<{ passed: number; failed: number }> {
  const files = existsSync(directory) ? readdirSync(directory).sort() : [];
  const known = Object.keys(CHECKS);
  if (!files.some((file) => known.includes(file))) {
    throw new InputError(`${directory}: no golden files here, must hold one of ${known.join(', ')}`);
  }
  const counts = { passed: 0, failed: 0 };
  for (const file of files.filter((name) => name.endsWith('.json'))) {
    const tally = createTally();
    const check = CHECKS[file];
    if (!check) {
      tally.skip('no golden file of this name is known');
      onFile(tally.report(file));
      continue;
    }
    try {
      await check(join(directory, file), engine, tally);
    } catch (error) {
      tally.fail(`stopped: ${error instanceof Error ? error.message : error}`);
    }
    const report = tally.report(file);
    counts[report.passed ? 'passed' : 'failed']++;
    onFile(report);
  }
  return counts;
}

/** A report as a line of text. */
export function reportLine({ file, passed, cases, worst, firstFailure, skipped }: FileReport): string {
  const notes = skipped.length ? `; skipped: ${skipped.join('; ')}` : '';
  if (cases === 0 && passed) return `${file}: not checked${notes}`;
  if (!passed) return `${file}: FAILED: ${firstFailure}${notes}`;
  return `${file}: passed, ${cases} cases, largest error ${worst.toPrecision(2)} of its tolerance${notes}`;
}
