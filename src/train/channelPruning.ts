/**
 * Pruning of whole channels for a guaranteed budget, where it costs less than bits. Their γ and β are set to 0, and so
 * are the weights that compute and read them, which is permanent (see `nn/channelGroups.ts`).
 *
 * The cost of a channel is that of zeros in place of its weights, by the same measure as bits: the squared error (here
 * the squares of the weights) times the mean square of their gradients in the last step. Both are of the channel alone,
 * since batch normalisation lets the scales of channels differ, and only the product is independent of the scale.
 */

import type { StorageArray } from '../engine/engine.js';
import { averageStorages, type Counted, forEachRun, STORAGE, type Variables } from '../nn/index.js';
import { thinnedBy } from '../program/prunedChannels.js';
import { tensorOf } from '../program/quantizerReport.js';
import type { Session } from '../program/session.js';
import { type BitError, type PrunableChannels, smallestBits, takeBitsAndChannels } from '../quant/index.js';
import type { Experiment } from '../settings/index.js';
import { type BudgetLimit, budgetLimits } from './budgetLimits.js';
import { partOf } from './parameterElements.js';
import { settleChannels } from './settleChannels.js';

/** The error of bits in the unit of that of channels. */
export interface SharedError {
  readonly error: BitError;
  /** The unit of `error`, in squared errors of weights. */
  readonly unit: number;
}

/** The errors of bits and of channels. */
interface Worth extends SharedError {
  readonly parameters: StorageArray;
  /** Squares of the parameters' gradients. */
  readonly curvature: Float64Array;
}

/** Takes bits and prunes channels until a limit is kept. Returns the remaining bits, which are not applied yet. */
export async function pruneToFit(
  session: Session,
  experiment: Experiment,
  { key, most }: BudgetLimit,
  bits: readonly number[],
  { error, unit, parameters, curvature }: Worth,
): Promise<readonly number[]> {
  const { training } = session;
  const { variables } = training;
  const { counted, channelGroups, quantizers } = variables;
  const limitOf = (of: Counted) => budgetLimits(experiment, of).find((limit) => limit.key === key)!;
  const left = channelGroups.map(({ channels }, group) => variables.remains?.channels[group] ?? range(channels));
  const groups = channelGroups.map(({ rows }, group): PrunableChannels => {
    const losses = lossesOf(variables, group, left[group]!, parameters, curvature);
    return { rows, losses: losses.map((loss) => loss / unit) };
  });
  const { bits: taken, gone } = takeBitsAndChannels(
    bits,
    { most, cost: (of) => limitOf(thinnedBy(counted, of)).cost },
    { groups, step: experiment.budget.pruneStep, smallest: quantizers.map(smallestBits), error },
  );
  if (gone.some(({ length }) => length > 0)) {
    await zero(
      session,
      gone.map((own, group) => new Set(own.map((at) => left[group]![at]!))),
    );
    await settleChannels(session);
  }
  return taken;
}

/** The error of removing each channel of a group. */
function lossesOf(
  variables: Variables,
  group: number,
  channels: readonly number[],
  parameters: StorageArray,
  curvature: Float64Array,
): number[] {
  const { channels: all, weights } = variables.channelGroups[group]!;
  const { quantizers } = variables.counted;
  // Before the first step there are no gradients: every weight counts the same then.
  const isKnown = curvature.some((square) => square > 0);
  const losses = new Float64Array(all);
  for (const { name, axis } of weights) {
    const variable = variables.find(name)!;
    const [values, squaredGradients] = [partOf(variable, parameters), partOf(variable, curvature)];
    const [squares, curvatures] = [new Float64Array(all), new Float64Array(all)];
    forEachRun(variable, axis, all, (channel, begin, end) => {
      for (let element = begin; element < end; element++) {
        squares[channel]! += values[element]! ** 2;
        curvatures[channel]! += squaredGradients[element]!;
      }
    });
    const row = quantizers.findIndex((quantizer) => tensorOf(quantizer.name) === name);
    const elements = quantizers[row]!.count / channels.length;
    for (const own of channels) losses[own]! += squares[own]! * (isKnown ? curvatures[own]! / elements : 1);
  }
  return channels.map((own) => losses[own]!);
}

/** Sets all values that belong to channels, group by group, to zero, and the solver's state of them. */
async function zero({ program, training }: Session, gone: readonly ReadonlySet<number>[]): Promise<void> {
  const { variables, plan } = training;
  const average = averageStorages.get(STORAGE.parameters)!;
  const followers = [STORAGE.parameters, STORAGE.velocity, STORAGE.secondMoment, average];
  for (const storage of plan.storages.filter(({ name }) => followers.includes(name))) {
    const values = await program.read(storage.name);
    for (const [group, { channels, weights, factors }] of variables.channelGroups.entries()) {
      if (gone[group]!.size === 0) continue;
      for (const { name, axis } of [...weights, ...factors.map((name) => ({ name, axis: 'out' as const }))]) {
        const variable = variables.find(name)!;
        const own = partOf(variable, values);
        forEachRun(variable, axis, channels, (channel, begin, end) => {
          if (gone[group]!.has(channel)) own.fill(0, begin, end);
        });
      }
    }
    program.write(storage.name, values);
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}
