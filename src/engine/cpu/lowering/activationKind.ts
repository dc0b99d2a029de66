/** The specialised kernel of an activation, and the address of its effective range. */
import type { Tensor } from '../../../graph/tensor.js';
import type { Activation, ActivationFunction } from '../../../ops/attributes.js';
import type { QuantizerCore } from '../../../quant/index.js';
import type { LoweringContext } from '../lowered.js';

/** Names of cores in names of kernels. */
export const coreNames: Readonly<Record<QuantizerCore, string>> = {
  uniform: 'Uniform',
  pow2: 'Pow2',
  fixedUniform: 'FixedUniform',
  fixedPow2: 'FixedPow2',
};

const functionNames: Readonly<Record<ActivationFunction, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  sigmoid: 'Sigmoid',
  hardSigmoid: 'HardSigmoid',
  hardSwish: 'HardSwish',
  silu: 'Silu',
};

/** The ending of a kernel's name, as in `batchNormUniformSigned`. */
export function activationKind(activation: Activation | null): string {
  if (!activation) return 'Identity';
  if (activation.type !== 'quantize') return functionNames[activation.type];
  return `${coreNames[activation.core]}${activation.signed ? 'Signed' : 'Unsigned'}`;
}

/** The address of (e0, e1) in the table of effective ranges; without a quantizer 0, which is not used. */
export function rangeAddress(activation: Activation | null, ranges: Tensor | null, context: LoweringContext): number {
  if (activation?.type !== 'quantize') return 0;
  if (!ranges) throw new Error('a quantizing activation needs the effective ranges');
  return context.address(ranges) + 8 * activation.row;
}
