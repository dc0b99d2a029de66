/** Which of the specialised kernels an activation takes, and where its effective range lies. */
import type { Tensor } from '../../../graph/tensor.js';
import type { Activation } from '../../../ops/attributes.js';
import type { QuantizerCore } from '../../../quant/index.js';
import type { LoweringContext } from '../lowered.js';

/** A core in the names of kernels. */
export const coreNames: Readonly<Record<QuantizerCore, string>> = {
  uniform: 'Uniform',
  pow2: 'Pow2',
  fixedUniform: 'FixedUniform',
  fixedPow2: 'FixedPow2',
};

/** The ending of a kernel's name, as in `batchNormUniformSigned`. */
export function activationKind(activation: Activation | null): string {
  if (!activation) return 'Identity';
  switch (activation.type) {
    case 'relu':
      return 'Relu';
    case 'relu6':
      return 'Relu6';
    case 'quantize':
      return `${coreNames[activation.core]}${activation.signed ? 'Signed' : 'Unsigned'}`;
    default:
      return activation satisfies never;
  }
}

/** The address of (e0, e1) in the table of effective ranges; 0, which nothing depends on, without a quantizer. */
export function rangeAddress(activation: Activation | null, ranges: Tensor | null, context: LoweringContext): number {
  if (activation?.type !== 'quantize') return 0;
  if (!ranges) throw new Error('a quantizing activation needs the effective ranges');
  return context.address(ranges) + 8 * activation.row;
}
