/** The answer whether a network could run in integers, before it is trained. */

import { InputError } from '../errors.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { lowerNetwork } from './lowering.js';

/** Finds what keeps a network from being shipped, and what would help; null if nothing does. */
export function shippingFault(training: TrainingProgram): string | null {
  try {
    lowerNetwork(training, [], { prove: false });
    return null;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}
