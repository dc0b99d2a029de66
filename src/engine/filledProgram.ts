/** Programs of plans with filled channels (`passes/filledChannels.ts`), whose storages are those of the plans without. */

import type { Plan } from '../graph/plan.js';
import { fillChannels } from '../passes/filledChannels.js';
import type { Program, StorageArray } from './engine.js';

/** A plan with filled channels, and what makes its program that of the plan without. */
export interface Filled {
  readonly plan: Plan;
  readonly programOf: (program: Program) => Program;
}

/** The plan with channels that are multiples of a number, where that is possible. */
export function filled(plan: Plan, multiple: number): Filled {
  const filling = fillChannels(plan, multiple);
  if (!filling) return { plan, programOf: (program) => program };
  return { plan: filling.plan, programOf: (program) => withoutFilling(program, filling.places) };
}

/** @param places new places of the elements of each storage that is filled, by its name */
function withoutFilling(program: Program, places: ReadonlyMap<string, Uint32Array>): Program {
  return {
    ...program,
    write: (storage, data, offset = 0) => {
      const own = places.get(storage)?.subarray(offset, offset + data.length);
      if (!own?.length) return program.write(storage, data, offset);
      // Between the elements are zeros, and stay there.
      const begin = own[0]!;
      const values = new Float64Array(own.at(-1)! + 1 - begin);
      for (let i = 0; i < own.length; i++) values[own[i]! - begin] = data[i]!;
      program.write(storage, values, begin);
    },
    read: async (storage, offset = 0, length) => {
      const own = places.get(storage)?.subarray(offset, length === undefined ? length : offset + length);
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
