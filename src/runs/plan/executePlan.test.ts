/** Faults that stop a plan and faults that do not, with a workbench that breaks. */

import { expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { InputError } from '../../errors.js';
import { readConfigFile } from '../../settings/readConfigFile.js';
import type { Workbench } from '../workbench.js';
import { executePlan, type PlanEvents } from './executePlan.js';
import { planRuns } from './planRuns.js';

const out = temporaryFolder();

const file = readConfigFile('configs/train_resnet_quant_fp.cfg');
const sections = ['DEFAULT', 'DEFAULT_INIT', 'FP_W2Q_INIT', 'PARAMETRIC_FP_WQ_DELTA_XMAX'];
const planned = sections.map((section) => ({ file, section }));
const plan = planRuns(planned, { seeds: [0], out, settings: { data: 'synthetic:16' }, budgetSettings: {} });

/** Executes the plan with images that cannot be had; tells how the runs ended and how often all was given back. */
async function executeWith(fault: Error) {
  const ends: string[] = [];
  let disposals = 0;
  const bench: Workbench = {
    engine: () => Promise.reject(fault),
    data: () => Promise.reject(fault),
    dispose: async () => void disposals++,
  };
  const events: PlanEvents = {
    runs: () => ({ task: () => {}, line: () => {} }),
    ends: ({ run }, end) => ends.push(`${run.experiment.name} ${end.type}: ${'reason' in end ? end.reason : ''}`),
    line: () => {},
  };
  const signal = new AbortController().signal;
  const end = await executePlan(plan, { force: false, bench, events, signal, onTraining: () => {} });
  return { end, ends, disposals };
}

it('a fault of the engine ends its run, leaves out those that start from it, and stops no other', async () => {
  const broken = await executeWith(new Error('the device is lost'));
  expect(broken.ends).toEqual([
    'DEFAULT failed: the device is lost',
    'DEFAULT_INIT left out: DEFAULT has no parameters to start from',
    'FP_W2Q_INIT left out: DEFAULT has no parameters to start from',
    'PARAMETRIC_FP_WQ_DELTA_XMAX failed: the device is lost',
  ]);
  expect(broken.end).toEqual({ complete: true, failed: 4 });
  expect(broken.disposals).toBe(2);
});

it('what is wrong with the call stops everything', async () => {
  await expect(executeWith(new InputError('no images'))).rejects.toThrow(new InputError('no images'));
});
