/** What calls that run a plan and write a report have in common. */

import { type Command, InvalidArgumentError } from 'commander';
import type { ExecuteOptions } from '../reproduce/executePlan.js';
import type { ReportEnd } from '../reproduce/reproduce.js';
import type { Workbench } from '../runs/workbench.js';
import { commandWords, programName } from '../settings/index.js';
import { INTERRUPTED } from './endingSignals.js';
import { interruptible } from './interruptible.js';
import { planDisplay } from './planProgress.js';

interface PlanCall {
  /** The call as it can be repeated. */
  readonly command: string;
  /** How many runs the plan has. */
  readonly runs: number;
  readonly force: boolean;
  readonly bench: Workbench;
}

/** Executes a plan under a display, until its end or the first Ctrl-C, and says how it ended. */
export async function executeCall(
  { command, runs, force, bench }: PlanCall,
  execute: (options: ExecuteOptions & { readonly command: string }) => Promise<ReportEnd>,
): Promise<void> {
  const display = planDisplay();
  await interruptible(display, async (signal, onTraining) => {
    const options = { force, bench, events: display, signal, onTraining, command };
    const { complete, failed, paths } = await execute(options);
    display.stop();
    if (!complete) {
      process.stderr.write(`interrupted; go on with: ${programName()} ${command}\n`);
      process.exitCode = INTERRUPTED;
      return;
    }
    process.stdout.write(`${paths.join('\n')}\n`);
    if (failed === 0) return;
    process.stderr.write(`${failed} of ${runs} runs gave no result; the report says why\n`);
    process.exitCode = 1;
  });
}

/**
 * The call, behind the program's name, as it can be repeated, its command and arguments being `words`: options at their
 * defaults are left out, and those that say nothing about the result.
 */
export function commandOfCall(words: readonly string[], options: object, call: Command): string {
  const given = Object.entries(options).flatMap(([key, value]) => {
    const option = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (key === 'force' || key === 'dryRun' || call.getOptionValueSource(key) !== 'cli') return [];
    if (key === 'autotune') return value === false ? ['--no-autotune'] : [];
    return value === true ? [option] : [option, String(value)];
  });
  return commandWords([...words, ...given]);
}

/** Reads the seeds of an option, such as `0,1,2`. */
export function seedList(text: string): number[] {
  const seeds = text.split(',').map((word) => (/^\d+$/.test(word.trim()) ? Number(word) : Number.NaN));
  if (seeds.some((seed) => !(seed < 2 ** 32))) throw new InvalidArgumentError('give whole numbers, such as 0,1,2');
  if (new Set(seeds).size < seeds.length) throw new InvalidArgumentError('a seed stands twice');
  return seeds;
}
