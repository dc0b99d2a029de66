/** Programs of networks that compute together, as many as the memory holds. */

import type { Plan } from '../../graph/plan.js';
import type { Program } from '../engine.js';
import { alikePlans, withoutCopies } from './alike.js';
import type { OpenDevice } from './device.js';
import { OutOfMemory } from './dispatch.js';
import type { MatrixUnits } from './kernel.js';

type Load = (alike: readonly [Plan, ...Plan[]]) => Promise<readonly Program[]>;

/**
 * Loads plans, those that are alike with one call of `load`, in which equal ones are one object; half as many where it throws
 * `OutOfMemory`.
 *
 * @returns the program of each plan, or the error of loading it; null where the memory does not hold it beside the others
 */
export async function loadTogether(
  { device }: OpenDevice,
  given: readonly Plan[],
  matrixUnits: MatrixUnits | null,
  load: Load,
): Promise<readonly (Promise<Program> | null)[]> {
  const plans = withoutCopies(given);
  const programs: (Promise<Program> | null)[] = plans.map(() => null);
  const mostBuffers = device.limits.maxStorageBuffersPerShaderStage;
  for (const alike of alikePlans(plans, { matrixUnits, mostBuffers })) {
    const isFirst = programs.every((program) => program === null);
    const ofAlike = alike.map((place) => plans[place]!);
    try {
      const loaded = await asManyAsFit(ofAlike, load, isFirst ? 1 : 0);
      for (const [index, program] of loaded.entries()) programs[alike[index]!] = Promise.resolve(program);
    } catch (error) {
      for (const place of alike) programs[place] = rejected(error);
    }
  }
  return programs;
}

/** The error for whoever asks for the program. */
function rejected(error: unknown): Promise<never> {
  const program = Promise.reject(error);
  program.catch(() => {});
  return program;
}

/** Programs of the first plans, of `least` at least. */
async function asManyAsFit(plans: readonly Plan[], load: Load, least: number): Promise<readonly Program[]> {
  const [first, ...others] = plans;
  if (!first) return [];
  try {
    return await load([first, ...others]);
  } catch (error) {
    if (!(error instanceof OutOfMemory) || plans.length === least) throw error;
    return asManyAsFit(plans.slice(0, plans.length === 1 ? 0 : Math.ceil(plans.length / 2)), load, least);
  }
}
