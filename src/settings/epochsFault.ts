/** Whether the epochs of a run that have ended depended on how many it was to have. */

import { guaranteesBudget } from './budget.js';
import type { Experiment } from './experiment.js';

/**
 * The reason why a run that goes on with another number of epochs is not the same as one that had it from the start; null
 * if it is. `then`: settings of the run.
 */
export function epochsFault(then: Readonly<Record<string, unknown>>, { settings, budget }: Experiment): string | null {
  const { epochs, schedule, learning_rate_drops: drops } = settings;
  if (then.epochs === epochs) return null;
  const change = `epochs was ${then.epochs}, now it is ${epochs}, and`;
  if (schedule === 'cosine') return `${change} the cosine brings the learning rate to 0 over the whole run`;
  if (guaranteesBudget(budget)) return `${change} bits are searched for in a part of the whole run`;
  if (settings.damp_oscillations > 0) return `${change} the damping of oscillations rises over the whole run`;
  const before = Array.isArray(then.learning_rate_drops) ? then.learning_rate_drops : [];
  const [was, is] = [before, drops].map((each) => each.join() || 'none');
  if (was === is) return null;
  const asBefore = `learning_rate_drops = ${was}`;
  return `${change} the learning rate would drop after epochs ${is} instead of ${was} (${asBefore} keeps it)`;
}
