/**
 * The parts of a step that concern the table of all quantizers: effective ranges before the forward pass, and one
 * update after the backward pass. The table has a few dozen rows, so engines that can call JavaScript share these
 * functions. Intermediate numbers are float64; storing into a Float32Array rounds.
 */

import {
  addPenaltyGradient,
  type Budget,
  capBits,
  effectiveRange,
  limitGradients,
  parameterGradients,
  parameterNames,
  penalty,
  projectParameters,
  type Quantizer,
  type Unquantized,
} from '../quant/index.js';
import { CONTROL, PENALTIES, type Solver } from './attributes.js';
import { type MutableNumbers, type SolverState, solverStep } from './solver.js';

/**
 * Writes the effective range (e0, e1) of row i to `ranges` at 2i and 2i + 1, computed from (p0, p1) in `table` there.
 */
export function prepareQuantizers(rows: readonly Quantizer[], table: ArrayLike<number>, ranges: MutableNumbers): void {
  rows.forEach((quantizer, row) => {
    const [e0, e1] = effectiveRange(quantizer, table[2 * row]!, table[2 * row + 1]!);
    ranges[2 * row] = e0;
    ranges[2 * row + 1] = e1;
  });
}

export interface QuantizerUpdateAttributes {
  readonly rows: readonly Quantizer[];
  readonly unquantized: Unquantized;
  readonly budget: Budget;
  readonly solver: Solver;
  readonly weightDecay: number;
  /** Learning rate relative to that of the parameters; 1 by default. */
  readonly learningRateFactor?: number;
}

/**
 * Operands and results of quantizerUpdate. All but `control`, `bitCaps`, `keptShares` and `penalties` have two numbers
 * a row.
 */
export interface QuantizerUpdate extends SolverState {
  /** Learned values; updated in place, like the solver's state. */
  readonly table: MutableNumbers;
  readonly sums: ArrayLike<number>;
  readonly control: ArrayLike<number>;
  /** The most bits allowed after the update, one number a row; null without caps. */
  readonly bitCaps: ArrayLike<number> | null;
  /** The share of a row's elements that its size counts, one number a row; null for all. */
  readonly keptShares: ArrayLike<number> | null;
  /** Result: gradients of the whole loss, penalties included. */
  readonly gradients: MutableNumbers;
  /** Result: gradients after weight decay and limiting, as passed to the solver. */
  readonly limited: MutableNumbers;
  /** Result: penalties and sizes of the table before the update (see PENALTIES). */
  readonly penalties: MutableNumbers;
}

/**
 * One update of all learned values: gradients from the sums and of the penalties (λ from `control`), weight decay,
 * limiting if there is a budget, the solver's step, projection, bit caps. Rows of fixed kinds do not change.
 */
export function quantizerUpdate(attributes: QuantizerUpdateAttributes, update: QuantizerUpdate): void {
  const { rows, solver, weightDecay, learningRateFactor = 1 } = attributes;
  const { table, sums, control, bitCaps } = update;
  const counted = update.keptShares ? sharesOf(attributes, update.keptShares) : attributes;
  const budget: Budget = {
    ...attributes.budget,
    lambdaWeight: control[CONTROL.lambdaWeight]!,
    lambdaActivation: control[CONTROL.lambdaActivation]!,
  };
  const limits = budget.weightKbytes > 0 || budget.activationKbytes > 0;
  const gradients = new Float64Array(2 * rows.length);
  rows.forEach((quantizer, row) => {
    const i = 2 * row;
    gradients.set(parameterGradients(quantizer, table[i]!, table[i + 1]!, sums[i]!, sums[i + 1]!), i);
  });
  addPenaltyGradient(counted.rows, table, counted.unquantized, budget, gradients);
  writePenalties(counted, budget, table, update.penalties);

  rows.forEach((quantizer, row) => {
    const i = 2 * row;
    const g0 = gradients[i]!;
    const g1 = gradients[i + 1]!;
    update.gradients[i] = g0;
    update.gradients[i + 1] = g1;
    update.limited[i] = 0;
    update.limited[i + 1] = 0;
    if (parameterNames(quantizer.kind).length === 0) return;
    const p0 = table[i]!;
    const p1 = table[i + 1]!;
    const decayed: [number, number] = [g0 + weightDecay * p0, g1 + weightDecay * p1];
    const [l0, l1] = limits ? limitGradients(quantizer, p0, p1, ...decayed) : decayed;
    update.limited[i] = l0;
    update.limited[i + 1] = l1;
    const learningRate = learningRateFactor * control[CONTROL.learningRate]!;
    const next0 = p0 - solverStep(solver, learningRate, l0, i, update);
    const next1 = p1 - solverStep(solver, learningRate, l1, i + 1, update);
    const projected = projectParameters(quantizer, next0, next1);
    [table[i], table[i + 1]] = bitCaps ? capBits(quantizer, bitCaps[row]!, [p0, p1], projected) : projected;
  });
}

type Counted = Pick<QuantizerUpdateAttributes, 'rows' | 'unquantized'>;

/** Tensors with their share of elements; those without a quantizer keep all. */
function sharesOf({ rows, unquantized }: Counted, shares: ArrayLike<number>): Counted {
  const share = (row: number, count: number) => Math.round(count * shares[row]!);
  const live = unquantized.live?.map(({ members, bits }) => ({
    members: members.map(({ row, count }) => ({ row, count: share(row, count) })),
    bits,
  }));
  return {
    rows: rows.map((quantizer, row) => ({ ...quantizer, count: share(row, quantizer.count) })),
    unquantized: { ...unquantized, ...(live && { live }) },
  };
}

function writePenalties(
  { rows, unquantized }: Counted,
  budget: Budget,
  table: ArrayLike<number>,
  penalties: MutableNumbers,
): void {
  const { loss2, loss3, sizes } = penalty(rows, table, unquantized, budget);
  penalties[PENALTIES.loss2] = loss2;
  penalties[PENALTIES.loss3] = loss3;
  penalties[PENALTIES.weightKbytes] = sizes.weightKbytes;
  penalties[PENALTIES.activationMaxKbytes] = sizes.activationMaxKbytes;
  penalties[PENALTIES.activationSumKbytes] = sizes.activationSumKbytes;
  penalties[PENALTIES.activationPeakKbytes] = sizes.activationPeakKbytes;
}
