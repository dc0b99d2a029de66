/** Tells whether a network could run in integers, and which files could hold it. */

import { InputError } from '../errors.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { planOf } from './c/plan.js';
import type { IntegerNetwork } from './integerNetwork.js';
import { lowerNetwork } from './lowering.js';
import { demandExactModel } from './onnx/exactModel.js';

/** The forms that an export has unless others are named. */
export const usualForms = ['packed', 'onnx', 'c'] as const;

export interface Shippable {
  /** The usual forms that can hold the network. */
  readonly forms: readonly (typeof usualForms)[number][];
  /** The reason why the first of the others cannot, with a remedy; null if all can. */
  readonly fault: string | null;
}

/** Throws an `InputError` for a network that a form cannot hold; the packed file holds all. */
const demands: Readonly<Record<(typeof usualForms)[number], (network: IntegerNetwork) => void>> = {
  packed: () => {},
  onnx: demandExactModel,
  c: planOf,
};

/** The forms that can hold a network that has been lowered. */
export function formsOf(network: IntegerNetwork): Shippable {
  const results = usualForms.map((form) => orFault(() => demands[form](network)));
  return {
    forms: usualForms.filter((_, index) => !(results[index] instanceof InputError)),
    fault: results.find((result) => result instanceof InputError)?.message ?? null,
  };
}

/** The forms that could hold a network, before it is trained: none if it cannot run in integers. */
export function shippable(training: TrainingProgram): Shippable {
  const network = orFault(() => lowerNetwork(training, [], { prove: false }).network);
  return network instanceof InputError ? { forms: [], fault: network.message } : formsOf(network);
}

/** What a call returns, or the `InputError` that it throws. */
function orFault<T>(call: () => T): T | InputError {
  try {
    return call();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}
