/**
 * What a run that is resumed may have otherwise than before: differences of settings and networks in words, and other numbers of
 * epochs, which leave earlier ones as they are or not.
 */
import { parseDataSpec } from '../data/dataSpec.js';
import { guaranteesBudget } from '../settings/budget.js';
import type { Experiment } from '../settings/experiment.js';
import type { Settings } from '../settings/settingRules.js';
import { settingsDifference } from '../settings/settingsDifference.js';
import type { RunConfig } from './runDocuments.js';

/**
 * The first difference between the settings of a run and those of now in words, `null` for none. Images may lie in
 * another place than then if config.json has their fingerprints, with which they are compared once they are loaded.
 */
export function runDifference({ settings, data }: RunConfig, now: Settings): string | null {
  const isMoved = data !== null && placeless(String(settings.data)) === placeless(now.data);
  return settingsDifference(isMoved ? { ...settings, data: now.data } : settings, now);
}

/** A value of `data` without the place of the images. */
function placeless(data: string): string {
  const { location: _, ...rest } = parseDataSpec(data);
  return JSON.stringify(rest);
}

/**
 * The reason why a run cannot be resumed with another number of epochs: its earlier ones depended on it; null if it
 * can.
 */
export function epochsFault(then: RunConfig['settings'], { settings, budget }: Experiment): string | null {
  const { epochs, schedule, learning_rate_drops: drops } = settings;
  if (then.epochs === epochs) return null;
  const change = `epochs was ${then.epochs}, now it is ${epochs}, and`;
  if (schedule === 'cosine') return `${change} the cosine brings the learning rate to 0 over the whole run`;
  if (guaranteesBudget(budget)) return `${change} bits are searched for in a part of the whole run`;
  if (settings.damp_oscillations > 0) return `${change} the damping of oscillations rises over the whole run`;
  const before = Array.isArray(then.learning_rate_drops) ? then.learning_rate_drops : [];
  const [was, is] = [before, drops].map((each) => each.join() || 'none');
  if (was === is) return null;
  const asBefore = `--learning-rate-drops ${was}`;
  return `${change} the learning rate would drop after epochs ${is} instead of ${was} (${asBefore} keeps it)`;
}

/** The first layer in which a network definition differs from that of the run; null for none. */
export function networkDifference(then: unknown, { definition, model }: Experiment['network']): string | null {
  if (JSON.stringify(then) === JSON.stringify(definition)) return null;
  const before = (then as Experiment['network']['definition'])?.layers ?? [];
  const now = definition?.layers ?? [];
  const at = now.findIndex((layer, index) => JSON.stringify(layer) !== JSON.stringify(before[index]));
  const layer = now[at] ?? before[now.length];
  return `${model} defines another network than it did${layer ? `: ${layer.name} is not the same` : ''}`;
}
