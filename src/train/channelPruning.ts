/**
 * Whole channels that a guaranteed budget takes where that costs less than bits: their γ and β become 0, and with them the
 * weights that compute and read them, which is for good (see `nn/channelGroups.ts`).
 *
 * A channel costs what zeros in place of its weights cost, by the same measure as bits: the squared error, here the
 * squares of the weights, times the mean square of their gradients in the last step; both of the channel alone, since a batch
 * normalisation lets channels differ in scale, and only their product does not depend on it.
 */

import type { StorageArray } from '../engine/engine.js';
import { averageStorages, type Counted, channelOf, STORAGE, type Variables } from '../nn/index.js';
import { countChannels, rowsOfGroups, thinnedBy } from '../program/prunedChannels.js';
import { tensorOf } from '../program/quantizerReport.js';
import type { Session } from '../program/session.js';
import { type BitError, type PrunableChannels, smallestBits, takeBitsAndChannels } from '../quant/index.js';
import type { Experiment } from '../settings/index.js';
import { type BudgetLimit, budgetLimits } from './budgetLimits.js';
import { partOf } from './refits.js';

/**
 * Counts the channels that are left, by the parameters on the engine, for sizes and for the price of a budget: what an
 * epoch says of them is what its parameters are.
 */
export async function settleChannels({ program, training }: Session): Promise<void> {
  if (!training.options.prunesChannels) return;
  const { variables } = training;
  const parameters = await program.read(STORAGE.parameters);
  countChannels(training, (name) => partOf(variables.find(name)!, parameters));
  const { quantizers, counted } = variables;
  const shares = quantizers.map(({ count }, row) => counted.quantizers[row]!.count / count);
  program.write(STORAGE.bitCaps, shares, quantizers.length);
}

/** How the error of bits compares with that of channels. */
export interface SharedError {
  readonly error: BitError;
  /** The unit of `error` in that of weights' squared errors. */
  readonly unit: number;
}

/** What bits and channels are worth. */
interface Worth extends SharedError {
  readonly parameters: StorageArray;
  readonly gradients: StorageArray;
}

/**
 * Takes bits, and prunes channels, until a limit is kept; returns the bits that are left, of which none is changed yet.
 */
export async function pruneToFit(
  session: Session,
  experiment: Experiment,
  { key, most }: BudgetLimit,
  bits: readonly number[],
  { error, unit, parameters, gradients }: Worth,
): Promise<readonly number[]> {
  const { training } = session;
  const { variables } = training;
  const { counted, channelGroups, quantizers } = variables;
  const limitOf = (of: Counted) => budgetLimits(experiment, of).find((limit) => limit.key === key)!;
  const left = channelGroups.map(({ channels }, group) => variables.remains?.channels[group] ?? range(channels));
  const rows = rowsOfGroups(training);
  const groups = left.map((channels, group): PrunableChannels => {
    const losses = lossesOf(variables, group, channels, parameters, gradients);
    return { rows: rows[group]!, losses: losses.map((loss) => loss / unit) };
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

/** What is lost with each of these channels of a group. */
function lossesOf(
  variables: Variables,
  group: number,
  channels: readonly number[],
  parameters: StorageArray,
  gradients: StorageArray,
): number[] {
  const { channels: all, weights } = variables.channelGroups[group]!;
  const { quantizers } = variables.counted;
  // Before the first step there are no gradients: every weight counts alike then.
  const isKnown = gradients.some((gradient) => gradient !== 0);
  const losses = new Float64Array(all);
  for (const { name, axis } of weights) {
    const variable = variables.find(name)!;
    const channel = channelOf(variable, axis, all);
    const [squares, curvatures] = [parameters, gradients].map((vector) => {
      const sums = new Float64Array(all);
      for (const [element, value] of partOf(variable, vector).entries()) sums[channel(element)]! += value ** 2;
      return sums;
    });
    const row = quantizers.findIndex((quantizer) => tensorOf(quantizer.name) === name);
    const elements = quantizers[row]!.count / channels.length;
    for (const own of channels) losses[own]! += squares![own]! * (isKnown ? curvatures![own]! / elements : 1);
  }
  return channels.map((own) => losses[own]!);
}

/** Zeros for everything that belongs to channels, group by group, and for what the solver remembers of it. */
async function zero({ program, training }: Session, gone: readonly ReadonlySet<number>[]): Promise<void> {
  const { variables, plan } = training;
  const average = averageStorages.get(STORAGE.parameters)!;
  const followers = [STORAGE.parameters, STORAGE.velocity, STORAGE.secondMoment, average];
  for (const storage of plan.storages.filter(({ name }) => followers.includes(name))) {
    const values = await program.read(storage.name);
    for (const [group, { channels, weights, factors }] of variables.channelGroups.entries()) {
      for (const { name, axis } of [...weights, ...factors.map((name) => ({ name, axis: 'out' as const }))]) {
        const variable = variables.find(name)!;
        const channel = channelOf(variable, axis, channels);
        const own = partOf(variable, values);
        for (let element = 0; element < own.length; element++) if (gone[group]!.has(channel(element))) own[element] = 0;
      }
    }
    program.write(storage.name, values);
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}
