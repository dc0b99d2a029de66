/** Programs of plans with filled channels (`passes/filledChannels.ts`), whose storages are those of the plans without. */

import type { Plan } from '../graph/plan.js';
import { fillChannels } from '../passes/filledChannels.js';
import type { Engine, LoadProgress, Program, StorageArray } from './engine.js';

/** Loads a plan with channels filled up to a multiple, where that is possible. */
export async function load(
  loadPlan: Engine['load'],
  multiple: number,
  plan: Plan,
  onProgress?: LoadProgress,
): Promise<Program> {
  const filling = fillChannels(plan, multiple);
  const program = await loadPlan(filling?.plan ?? plan, onProgress);
  return filling ? withoutFilling(program, filling.places) : program;
}

/** Loads several plans together, each with channels filled up to a multiple, where that is possible. */
export async function loadTogether(
  loadPlans: NonNullable<Engine['loadTogether']>,
  multiple: number,
  plans: readonly Plan[],
  onProgress?: LoadProgress,
): Promise<readonly (Promise<Program> | null)[]> {
  const fillings = plans.map((plan) => fillChannels(plan, multiple));
  const filled = plans.map((plan, index) => fillings[index]?.plan ?? plan);
  const programs = await loadPlans(filled, onProgress);
  return programs.map((program, index) => {
    const filling = fillings[index];
    if (!program || !filling) return program;
    const own = program.then((loaded) => withoutFilling(loaded, filling.places));
    // The error is for whoever asks for the program.
    own.catch(() => {});
    return own;
  });
}

/** @param places new places of the elements of each storage that is filled, by its name */
function withoutFilling(program: Program, places: ReadonlyMap<string, Uint32Array>): Program {
  /** The new places of some elements of a storage, all from an offset on by default; null if it is not filled. */
  const placesOf = (storage: string, offset: number, count?: number): Uint32Array | null => {
    const all = places.get(storage);
    if (!all) return null;
    const end = count === undefined ? all.length : offset + count;
    if (end > all.length)
      throw new RangeError(`${offset} … ${end} of the storage ${storage}, which ends at ${all.length}`);
    return all.subarray(offset, end);
  };
  return {
    ...program,
    write: (storage, data, offset = 0) => {
      const own = placesOf(storage, offset, data.length);
      if (!own?.length) return program.write(storage, data, offset);
      // Between the elements of all storages that a host writes are zeros.
      const begin = own[0]!;
      const values = new Float64Array(own.at(-1)! + 1 - begin);
      for (let i = 0; i < own.length; i++) values[own[i]! - begin] = data[i]!;
      program.write(storage, values, begin);
    },
    read: async (storage, offset = 0, length) => {
      const own = placesOf(storage, offset, length);
      if (!own?.length) return program.read(storage, offset, length);
      const begin = own[0]!;
      return gathered(await program.read(storage, begin, own.at(-1)! + 1 - begin), own, begin);
    },
    ...(program.transfers && { transfers: async () => null }),
  };
}

function gathered(values: StorageArray, places: Uint32Array, begin: number): StorageArray {
  const own = values.slice(0, places.length);
  for (let i = 0; i < own.length; i++) own[i] = values[places[i]! - begin]!;
  return own;
}
