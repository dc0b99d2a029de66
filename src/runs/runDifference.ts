/** What a run that is resumed may have otherwise than before: differences of settings and networks in words. */
import { parseDataSpec } from '../data/dataSpec.js';
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

/** The first layer in which a network definition differs from that of the run; null for none. */
export function networkDifference(then: unknown, { definition, model }: Experiment['network']): string | null {
  if (JSON.stringify(then) === JSON.stringify(definition)) return null;
  const before = (then as Experiment['network']['definition'])?.layers ?? [];
  const now = definition?.layers ?? [];
  const at = now.findIndex((layer, index) => JSON.stringify(layer) !== JSON.stringify(before[index]));
  const layer = now[at] ?? before[now.length];
  return `${model} defines another network than it did${layer ? `: ${layer.name} is not the same` : ''}`;
}
