import { expect, it } from 'vitest';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { experimentFromSettings } from '../settings/index.js';
import { conditions } from './report.js';

it.each([
  ['1', 'every epoch ends inside the budget, which the penalty'],
  ['3', 'every epoch ends inside the budget (with `budget_slack` from the end of the search on), which the penalty'],
])('a report says which epochs end inside the budget, where its slack is %s', (budget_slack, words) => {
  const float = { model: 'resnet8', data: 'synthetic' };
  const budget = { ...float, w_quantize: 'parametric_fp_d_xmax', budget: 'guaranteed', target_weight_kbytes: 20 };
  const settings = [float, budget, { ...budget, budget_begin: 'allocated', budget_slack }];
  const plan = settings.map((each, at) => ({ experiment: experimentFromSettings(`E${at}`, 'e.cfg', each), seed: 0 }));
  const lines = conditions(null, plan as unknown as PlannedRun[], []);
  expect(lines).toContainEqual(expect.stringContaining(`\`budget = guaranteed\`: ${words}`));
});
