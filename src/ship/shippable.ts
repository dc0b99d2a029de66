/** Tells before training whether a network could run in integers. */

import { InputError } from '../errors.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { lowerNetwork } from './lowering.js';

/** The reason why a network could not be exported, with a remedy; null if it could. */
export function shippingFault(training: TrainingProgram): string | null {
  try {
    lowerNetwork(training, [], { prove: false });
    return null;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}
