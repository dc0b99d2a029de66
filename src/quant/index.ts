/** The method: quantizers, their gradients, inferred bitwidths, memory budgets. Numbers in, numbers out. */

export { bestExponents, bestStart } from './bestStart.js';
export type { BitError, MemoryLimit } from './bitAllocation.js';
export { giveBits, individualLimits, missingKbytes, takeBits } from './bitAllocation.js';
export { capBits, capMargin, noBitCap } from './bitCap.js';
export { channelScale, exponentGradient, exponentLimits } from './channelExponents.js';
export type { ElementQuantizer } from './elementQuantizer.js';
export {
  elementQuantizers,
  quantizeGradient,
  quantizeValue,
} from './elementQuantizer.js';
export { floatBits, inferredBits, inferredBitsGradient } from './inferredBitwidth.js';
export { effectiveRange, parameterGradients } from './parametrization.js';
export type { Budget, Penalty } from './penalty.js';
export { activationKbytes, addPenaltyGradient, penalty } from './penalty.js';
export { limitGradients, limitMargin, projectParameters } from './projection.js';
export { type QuantizedValues, quantizedValues } from './quantizedValues.js';
export type {
  Interval,
  ParameterName,
  Pow2Kind,
  Quantizer,
  QuantizerCore,
  QuantizerKind,
  UniformKind,
} from './quantizer.js';
export { coreOf, parameterNames, quantizerKinds, wideLimitsOfM } from './quantizer.js';
export { largestBits, requantizeActivation, requantizeWeights, smallestBits, squaredError } from './requantization.js';
export { bitLength, nearestPowerOfTwo, powerOfTwo, roundHalfAway } from './rounding.js';
export type { ActivationType, MemorySets, TableSizes, TensorSet, Unquantized } from './sizes.js';
export { activationTypes, bitsPerKbyte, largestSet, memorySets, setBits, tableBits, tableSizes } from './sizes.js';
export type { StartDescription, StartValues } from './startValues.js';
export {
  publishedStepSize,
  startActivation,
  startExponents,
  startFresh,
  startFromWeights,
} from './startValues.js';
