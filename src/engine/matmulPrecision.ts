import type { MatmulPrecision } from '../device.js';

/** Words for the description of an engine without matrix units, if a precision that needs them was asked for. */
export function withoutEffect(asked: MatmulPrecision): string {
  return asked === 'float16' || asked === 'float16x2' ? ` (matmul_precision = ${asked} has no effect)` : '';
}
