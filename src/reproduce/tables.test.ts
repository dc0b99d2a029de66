/** The tables against the published files: everything they name is there. */

import { describe, expect, it } from 'vitest';
import { planRuns } from '../runs/plan/planRuns.js';
import { publishedConfig, publishedSections } from './publishedConfig.js';
import { tables } from './tables/index.js';

const options = { seeds: [0, 7], out: 'out', settings: { select: 'validation' }, budgetSettings: {} };

describe.each(tables)('$name', (table) => {
  it.each(table.variants)('names sections and rows that exist, variant %s', (variant) => {
    const rows = table.rows(variant);
    const ids = rows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { config, section } of rows) {
      if (section !== 'DEFAULT') expect([...publishedConfig(config).sections.keys()]).toContain(section);
    }
  });

  it('knows the rows that it speaks of', () => {
    const rows = table.rows(table.variants[0]!);
    const ids = rows.map(({ id }) => id);
    const named = [
      ...table.claims.flatMap(({ better, than }) => [better, than]),
      ...[...table.curves, ...table.bitwidths].flatMap((group) => group.rows),
      ...rows.map((row) => table.floatRow(row)),
      ...Object.keys(table.published.results),
    ];
    for (const id of named) expect(ids).toContain(id);
  });

  it('plans every run once for a seed, behind the one it starts from', () => {
    const plan = planRuns(publishedSections(table.rows(table.variants[0]!)), options);
    const places = plan.map(({ seed, experiment }) => `${seed}/${experiment.name}`);
    expect(new Set(places).size).toBe(places.length);
    for (const [at, run] of plan.entries()) {
      expect(run.experiment.out).toBe(`out/seed-${run.seed}`);
      expect(run.experiment.training.seed).toBe(run.seed);
      if (run.startsFrom) expect(plan.indexOf(run.startsFrom)).toBeLessThan(at);
      expect(run.startsFrom?.seed ?? run.seed).toBe(run.seed);
    }
    expect(plan.filter(({ seed }) => seed === 0)).toHaveLength(plan.length / 2);
  });
});

it('sections are the 155 published ones', () => {
  const sections = tables.find(({ name }) => name === 'sections')!;
  expect(sections.rows('none')).toHaveLength(1 + 155);
});

it('a chain of starting weights is planned from its beginning', () => {
  const row = {
    id: 'x',
    label: 'x',
    group: 'x',
    config: 'train_resnet_quant_pow2.cfg',
    section: 'PARAMETRIC_POW2_WAMQ_XMIN_XMAX_CON_INIT_RLR_FT3',
  };
  const plan = planRuns(publishedSections([row]), { ...options, seeds: [0] });
  expect(plan.map(({ experiment }) => experiment.name)).toEqual([
    'DEFAULT',
    'PARAMETRIC_POW2_WAMQ_XMIN_XMAX_CON_INIT_RRLR',
    'PARAMETRIC_POW2_WAMQ_XMIN_XMAX_CON_INIT_RRLR_FT',
    row.section,
  ]);
});

it('settings for budgets reach the runs that have one, and no others', () => {
  const cifar10 = tables.find(({ name }) => name === 'cifar10')!;
  const plan = planRuns(publishedSections(cifar10.rows('INIT_RLR')), {
    ...options,
    seeds: [0],
    budgetSettings: { initial_cost_lambda2: 7 },
  });
  for (const { experiment } of plan) {
    const isConstrained = experiment.budget.targetWeightKbytes > 0;
    expect(isConstrained).toBe(/_W(Q|AMQ|ASQ)_.*_CON_/.test(experiment.name));
    expect(experiment.budget.lambda2).toBe(isConstrained ? 7 : 0.1);
  }
});
