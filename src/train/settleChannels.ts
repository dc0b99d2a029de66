/** The channels that remain in a session, for the sizes and the penalty of its budget. */

import { STORAGE } from '../nn/index.js';
import { countChannels } from '../program/prunedChannels.js';
import type { Session } from '../program/session.js';
import { partOf } from './parameterElements.js';

/**
 * Counts the remaining channels, from the parameters on the engine, for sizes and for the penalty of the budget. What
 * an epoch reports agrees with its parameters.
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
