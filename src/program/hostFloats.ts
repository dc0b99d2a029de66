import type { HostFloats } from '../engine/engine.js';
import type { FloatVector } from './treeSum.js';

/** The floats of an array. */
export function hostFloats(array: FloatVector): HostFloats {
  return { bytes: array.byteLength, array: () => array };
}
