/** The table of quantizers: effective ranges and updates of every kind, with and without a budget. */

import { CONTROL_LENGTH, PENALTIES_LENGTH, type Solver } from '../../../src/ops/attributes.js';
import {
  type Budget,
  effectiveRange,
  inferredBits,
  type ParameterName,
  parameterNames,
  type Quantizer,
  type QuantizerKind,
  quantizerKinds,
  type TensorSet,
  tableBits,
} from '../../../src/quant/index.js';
import { exampleQuantizer } from '../../exampleQuantizer.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { type RandomValues, randomValues } from '../randomValues.js';
import { solverName, solvers } from './update.js';

const none = {
  weightKbytes: 0,
  activationKbytes: 0,
  activationType: 'max',
  lambdaWeight: 9,
  lambdaActivation: 9,
} as const;
const budgets: Readonly<Record<string, Budget>> = {
  'no budget': none,
  'a budget of weights': { ...none, weightKbytes: 3 },
  'a budget of the largest activation': { ...none, activationKbytes: 0.4 },
  'budgets of weights and all activations': { ...none, weightKbytes: 3, activationKbytes: 2, activationType: 'sum' },
  'budgets that are kept': { ...none, weightKbytes: 3000, activationKbytes: 2000 },
  'a budget of the peak': { ...none, activationKbytes: 0.6, activationType: 'peak' },
};

export function quantizerTableCases(): ConformanceCase[] {
  const [momentum, nesterov, adam] = solvers as [Solver, Solver, Solver];
  const updates = [momentum, adam].flatMap((solver) =>
    Object.entries(budgets).flatMap(([name, budget]) =>
      [0, 2e-4].map((weightDecay, i) => update(solver, { name, budget, weightDecay, seed: 2000 + i })),
    ),
  );
  const slower = [nesterov, adam].map((solver) =>
    update(solver, { name: 'no budget', budget: none, weightDecay: 0, seed: 2002, learningRateFactor: 0.25 }),
  );
  const capped = [momentum, adam].flatMap((solver) =>
    [2100, 2101, 2102, 2103].map((seed) => {
      const budget = budgets['budgets of weights and all activations']!;
      return update(solver, { name: `bit caps, seed ${seed}`, budget, weightDecay: 2e-4, seed, capped: true });
    }),
  );
  const many = update(momentum, {
    name: '720 quantizers',
    budget: budgets['a budget of weights']!,
    weightDecay: 0,
    seed: 2200,
    repeats: 18,
  });
  const large = update(momentum, {
    name: '140 million float weights',
    budget: none,
    weightDecay: 0,
    seed: 2201,
    floatWeights: 140_000_000,
  });
  const pruned = update(momentum, {
    name: 'pruned',
    budget: budgets['budgets of weights and all activations']!,
    weightDecay: 0,
    seed: 2301,
    pruned: true,
  });
  const shared = ['a budget of the largest activation', 'budgets of weights and all activations'].map((name) =>
    update(momentum, { name: `${name}, shared`, budget: budgets[name]!, weightDecay: 0, seed: 2302, shared: true }),
  );
  return [ranges(1900), ranges(1901), ...updates, ...slower, ...capped, many, large, pruned, ...shared];
}

function ranges(seed: number): ConformanceCase {
  const { rows, table } = randomTable(randomValues(seed));
  const c = caseBuilder();
  const attributes = { rows };
  const tensor = c.input('table', [rows.length, 2], table);
  const result = c.output('ranges', [rows.length, 2], { elementwise: true });
  c.graph.append('prepareQuantizers', { table: tensor }, { ranges: result }, attributes);
  return c.build(`ranges of all kinds, seed ${seed}`);
}

interface UpdateCase {
  readonly name: string;
  readonly budget: Budget;
  readonly weightDecay: number;
  readonly seed: number;
  readonly learningRateFactor?: number;
  /** Every quantizer may keep the bits it has, and is pushed hard enough to want others. */
  readonly capped?: boolean;
  /** Sizes count a part of every tensor's elements. */
  readonly pruned?: boolean;
  /** Every quantizer of activations handles two tensors. */
  readonly shared?: boolean;
  /** Number of rows of each kind; 1 by default. */
  readonly repeats?: number;
  readonly floatWeights?: number;
}

function update(
  solver: Solver,
  {
    name,
    budget,
    weightDecay,
    seed,
    learningRateFactor = 1,
    capped = false,
    pruned = false,
    shared = false,
    repeats = 1,
    floatWeights = 100,
  }: UpdateCase,
): ConformanceCase {
  const random = randomValues(seed);
  const tables = Array.from({ length: repeats }, () => randomTable(random));
  const [alone, table] = [tables.flatMap((each) => each.rows), tables.flatMap((each) => each.table)];
  const rows = shared ? alone.map(ofTwo) : alone;
  const shape = [rows.length, 2];
  const length = 2 * rows.length;
  const elementwise = { elementwise: true };
  const push = capped ? 0.05 : 0.001;
  const c = caseBuilder();
  const operands = {
    table: c.state('table', shape, table, elementwise),
    sums: c.input('sums', shape, random.numbers(length)),
    velocity: c.state('velocity', shape, random.numbers(length, capped ? -push : push, 10 * push), elementwise),
    secondMoment:
      solver.type === 'adam' ? c.state('secondMoment', shape, random.numbers(length, 0.01, 0.1), elementwise) : null,
    control: c.input('control', [CONTROL_LENGTH], [0.015625, 0.5, 0.25, 0, 0, 0]),
    bitCaps: capped ? c.input('bitCaps', [rows.length], tableBits(rows, table)) : null,
    keptShares: pruned ? c.input('keptShares', [rows.length], sharesOf(rows, random)) : null,
  };
  const results = {
    gradients: c.output('gradients', shape, elementwise),
    limited: c.output('limited', shape, elementwise),
    penalties: c.output('penalties', [PENALTIES_LENGTH], elementwise),
  };
  const unquantized = { weights: floatWeights, activations: [60, 20], live: livePairs(rows) };
  const attributes = { rows, unquantized, budget, solver, weightDecay, learningRateFactor };
  c.graph.append('quantizerUpdate', operands, results, attributes);
  const slower = learningRateFactor === 1 ? '' : `, ${learningRateFactor} of the learning rate`;
  return c.build(`${solverName(solver)}, ${name}, weight decay ${weightDecay}${slower}`, [
    {},
    { writes: { sums: random.numbers(length), control: [0.0078125, 0.25, 0.5, 0] } },
  ]);
}

/** The quantizer with a part of its elements in a second tensor, if they are activations. */
function ofTwo(quantizer: Quantizer): Quantizer {
  const { role, count } = quantizer;
  return role === 'activation' ? { ...quantizer, counts: [count - 40, 40] } : quantizer;
}

/** A part of the elements of each row: whole elements, as where channels are gone. */
function sharesOf(rows: readonly Quantizer[], random: RandomValues): number[] {
  return rows.map(({ count }) => random.integers(1, 1, count)[0]! / count);
}

/** Every activation together with a part of the one before it, and something that is not quantized. */
function livePairs(rows: readonly Quantizer[]): TensorSet[] {
  const activations = rows.flatMap(({ role, count }, row) => (role === 'activation' ? [{ row, count }] : []));
  return activations.map((member, i) => {
    const before = activations[i - 1];
    const part = before && { row: before.row, count: Math.ceil(before.count / 4) };
    return { members: part ? [member, part] : [member], bits: 100 + i };
  });
}

/** Ranges of powers of two grow like 2^2^n; gradients of more bits than these leave float32. */
const largestBits = 5;

/** Every kind, signed and unsigned, as a weight and as an activation, with values away from where anything jumps. */
function randomTable(random: RandomValues): { rows: Quantizer[]; table: number[] } {
  const rows = quantizerKinds.flatMap((kind) =>
    [true, false].flatMap((signed) =>
      (['weight', 'activation'] as const).map((role) => row(kind, signed, role, random.integers(1, 100, 999)[0]!)),
    ),
  );
  return { rows, table: rows.flatMap((quantizer) => steadyParameters(quantizer, random)) };
}

function row(kind: QuantizerKind, signed: boolean, role: Quantizer['role'], count: number): Quantizer {
  return exampleQuantizer(kind, {
    name: `${role}/${kind}`,
    role,
    signed,
    count,
    bounds: { n: { min: 2, max: largestBits } },
  });
}

const intervals: Readonly<Record<ParameterName, readonly [number, number]>> = {
  n: [2.1, 4.9],
  m: [-2, 1],
  d: [0.01, 0.2],
  xmin: [0.001, 0.05],
  xmax: [0.5, 4],
};

function steadyParameters(quantizer: Quantizer, random: RandomValues): [number, number] {
  const [first, second] = parameterNames(quantizer.kind);
  if (!first || !second) return [0, 0];
  for (;;) {
    const p0 = random.number(...intervals[first]);
    const p1 = random.number(...intervals[second]);
    if (isSteady(quantizer, p0, p1)) return [p0, p1];
  }
}

/** Tells whether bits and range stay as they are, or move a little only, when the values do. */
function isSteady(quantizer: Quantizer, p0: number, p1: number): boolean {
  const bits = inferredBits(quantizer, p0, p1);
  const range = effectiveRange(quantizer, p0, p1);
  return [0.999, 1.001].every((a) =>
    [0.999, 1.001].every((b) => {
      const moved = effectiveRange(quantizer, p0 * a, p1 * b);
      const close = moved.every((value, i) => Math.abs(value / range[i]! - 1) < 0.02);
      return close && inferredBits(quantizer, p0 * a, p1 * b) === bits;
    }),
  );
}
