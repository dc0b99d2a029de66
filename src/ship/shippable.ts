/** Tells before training whether a network could run in integers. */

import { InputError } from '../errors.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { planOf } from './c/plan.js';
import { lowerNetwork } from './lowering.js';

/** The reason why a network could not be exported in all forms, with a remedy; null if it could. */
export function shippingFault(training: TrainingProgram): string | null {
  try {
    planOf(lowerNetwork(training, [], { prove: false }).network);
    return null;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}
