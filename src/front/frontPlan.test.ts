import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { openWorkbench } from '../runs/workbench.js';
import { parseConfig } from '../settings/index.js';
import { type FrontOptions, planFront } from './frontPlan.js';

const file = join(temporaryFolder(), 'a.csv');
const options: FrontOptions = {
  ...{ file: parseConfig('[NET]\nmodel = tiny\n', 'net.cfg'), section: 'NET', settings: { data: `csv:${file}` } },
  ...{ budgets: [0.4], activationKbytes: undefined, narrow: undefined, only: undefined, variants: undefined },
  ...{ variantBudgets: undefined, seeds: undefined, out: undefined, quick: true },
};

it('of a quick call reads its data once, for its first run too, and holds out none beside those that choose', async () => {
  const line = (_: unknown, index: number) => `${index % 2},${index % 3},${['train', 'val', 'test'][index % 3]}\n`;
  writeFileSync(file, `class,x,split\n${Array.from({ length: 60 }, line).join('')}`);
  const bench = openWorkbench();
  const data: typeof bench.data = (...given) => {
    rmSync(file);
    return bench.data(...given);
  };
  const { plan } = await planFront(options, { ...bench, data }, () => {});
  const [{ experiment }] = plan as [(typeof plan)[number]];
  expect(experiment.data).toMatchObject({ limitTrain: 20, limitVal: 20, validationSplit: null });
  expect(experiment.training.batchSize).toBe(20);
  expect((await bench.data(experiment, { task: () => {} })).train.count).toBe(20);
  await bench.dispose();
});
