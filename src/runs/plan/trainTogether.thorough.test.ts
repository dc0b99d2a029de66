/** Runs that train together on a GPU, SwiftShader's, have the files of runs that train alone; so have those that are resumed. */

import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { skipsGpu } from '../../../test/softwareGpu.js';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { writtenResults } from '../../../test/writtenResults.js';
import { parseConfig } from '../../settings/configFile.js';
import { openWorkbench } from '../workbench.js';
import { executePlan, type PlanEvents, type PlanPosition, type RunEnd } from './executePlan.js';
import { planRuns } from './planRuns.js';

const text = `[DEFAULT]
model = tiny
data = synthetic:96
batch_size = 16
epochs = 2
select = validation
validation_split = 16
device = gpu
initial_learning_rate = 0.05

[LEARNED]
weightfile = DEFAULT/params_best.h5
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu
target_weight_kbytes = 1
budget = guaranteed

[TIGHT]
weightfile = DEFAULT/params_best.h5
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu
target_weight_kbytes = 0.7
budget = guaranteed
weight_decay = 0.01
initial_learning_rate = 0.03
`;

const sections = ['DEFAULT', 'LEARNED', 'TIGHT'];
const paths = [0, 1].flatMap((seed) => sections.map((section) => `seed-${seed}/${section}`));

/** One engine, which compiles a kernel once. */
const bench = openWorkbench();
afterAll(bench.dispose);

interface Watched {
  /** Called with each finished epoch. */
  readonly onEpoch?: (at: PlanPosition, epoch: number) => void;
  readonly signal?: AbortSignal;
}

/** Executes the plan of three sections and two seeds, and tells how its runs ended, in order. */
async function execute(
  out: string,
  together: number,
  { onEpoch, signal = new AbortController().signal }: Watched = {},
) {
  const file = parseConfig(text, 'together.cfg');
  const planned = sections.map((section) => ({ file, section }));
  const plan = planRuns(planned, { seeds: [0, 1], out, settings: {}, budgetSettings: {} });
  const ends: string[] = [];
  const events: PlanEvents = {
    runs: (at) => ({ task: () => {}, line: () => {}, onEpoch: ({ epoch }) => onEpoch?.(at, epoch) }),
    ends: ({ run }, end: RunEnd) => ends.push(`${run.path} ${end.type}${'reason' in end ? `: ${end.reason}` : ''}`),
    line: () => {},
  };
  const how = { force: false, bench, events, signal, onTraining: () => {}, together };
  return { ...(await executePlan(plan, how)), ends };
}

it.skipIf(skipsGpu)('runs together write what they write alone, also after an interruption', async () => {
  const [alone, together, interrupted] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  await execute(alone, 1);
  const whole = await execute(together, 4);
  expect(whole.ends.toSorted()).toEqual(paths.map((path) => `${path} finished`));
  const stop = new AbortController();
  const part = await execute(interrupted, 4, {
    onEpoch: ({ run }) => run.path === 'seed-1/DEFAULT' && stop.abort(),
    signal: stop.signal,
  });
  expect(part).toEqual({ complete: false, failed: 0, ends: [] });
  expect(await execute(interrupted, 4)).toMatchObject({ complete: true, failed: 0 });
  for (const path of paths) {
    expect(writtenResults(join(together, path)), path).toEqual(writtenResults(join(alone, path)));
    expect(writtenResults(join(interrupted, path)), path).toEqual(writtenResults(join(alone, path)));
  }
});
