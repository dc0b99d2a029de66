/** The state of a planned run, read from its folder. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkReplaceable,
  checkTables,
  openRunFolder,
  readSummary,
  runRoot as rootOf,
  runDifference,
  writeDurably,
} from '../index.js';
import { type HashedFile, hashedFile } from '../startingWeights.js';
import type { PlannedRun } from './planRuns.js';

export type Standing =
  | { readonly type: 'absent' }
  | { readonly type: 'unfinished' }
  | { readonly type: 'finished' }
  /** Its numbers became non-finite: it cannot be resumed. */
  | { readonly type: 'failed'; readonly fault: string }
  /** The folder belongs to a run with other settings, or with another start. */
  | { readonly type: 'other'; readonly difference: string };

export function runRoot({ experiment }: PlannedRun): string {
  return rootOf(experiment);
}

/**
 * The state of a run.
 *
 * @throws InputError if something that is no run folder is in the way, or a run folder that lacks a table or
 *   whose summary is damaged
 */
export function standing(run: PlannedRun): Standing {
  const root = runRoot(run);
  if (!existsSync(root)) return { type: 'absent' };
  // With `force` only a folder that is no run's is refused.
  checkReplaceable(run.experiment, true);
  const { folder, config } = openRunFolder(root);
  const difference = runDifference(config, run.experiment.settings) ?? startDifference(run);
  if (difference !== null) return { type: 'other', difference };
  const fault = faultOf(root);
  if (fault !== null) return { type: 'failed', fault };
  const summary = existsSync(folder.summary) ? readSummary(folder) : null;
  checkTables(folder, summary);
  return { type: summary ? 'finished' : 'unfinished' };
}

/** The reason why the run in a folder cannot be resumed, `null` if it can. */
export function faultOf(root: string): string | null {
  const path = faultPath(root);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null;
}

/** Saves the reason why a run cannot be resumed, so that it is not tried again. */
export function keepFault(run: PlannedRun, fault: string): void {
  writeDurably(faultPath(runRoot(run)), `${fault}\n`);
}

/**
 * The parameters that a run starts from: the best of the previous run, or its last if no epoch obeyed the budget.
 * Undefined if that run has none yet.
 */
export function parametersToStartFrom({ startsFrom }: PlannedRun): string | undefined {
  if (startsFrom === null || standing(startsFrom).type !== 'finished') return undefined;
  const { folder } = openRunFolder(runRoot(startsFrom));
  return [folder.paramsBest, folder.paramsLast].find(existsSync);
}

/** Why a run cannot begin although its prerequisites have come to their ends, `null` if it can. */
export function missingParameters(run: PlannedRun): string | null {
  const { startsFrom, learnsFrom } = run;
  if (startsFrom && parametersToStartFrom(run) === undefined) {
    return `${startsFrom.experiment.name} has no parameters to start from`;
  }
  if (learnsFrom && parametersToLearnFrom(run) === undefined) {
    return `${learnsFrom.experiment.name} has no best parameters to learn from`;
  }
  return null;
}

/** The best parameters of the run's teacher. Undefined as long as that run has none. */
function parametersToLearnFrom({ learnsFrom }: PlannedRun): string | undefined {
  if (learnsFrom === null || standing(learnsFrom).type !== 'finished') return undefined;
  const { paramsBest } = openRunFolder(runRoot(learnsFrom)).folder;
  return existsSync(paramsBest) ? paramsBest : undefined;
}

function startDifference(run: PlannedRun): string | null {
  const { config } = openRunFolder(runRoot(run));
  const start = parametersToStartFrom(run);
  const fromNothing = start !== undefined && config.starting_weights === null;
  if (fromNothing) return `it started from nothing instead of ${start}`;
  return (
    otherParameters('started', config.starting_weights, start) ??
    otherParameters('learned', config.teacher, parametersToLearnFrom(run))
  );
}

/** The difference between the parameters that a run had and those that a file has now; `null` where one of them is not known. */
function otherParameters(did: string, then: HashedFile | null, file: string | undefined): string | null {
  if (then === null || file === undefined || then.sha256 === hashedFile(file).sha256) return null;
  return `it ${did} from other parameters (${then.file}) than ${file} has now`;
}

function faultPath(root: string): string {
  return join(root, 'fault.txt');
}
