/** The method: quantizers, their gradients, inferred bitwidths, memory budgets, as functions of numbers. */

export { bestExponents, bestStart } from './bestStart.js';
export { type BitError, giveBits, individualLimits, takeBits } from './bitAllocation.js';
export { capBits } from './bitCap.js';
export { costLimit, excess, keepsLimits, type Limit, memoryLimit } from './budgetLimit.js';
export { type Left, type PrunableChannels, type ThinLimit, takeBitsAndChannels } from './channelAllocation.js';
export { channelScale, exponentGradient, exponentLimits } from './channelExponents.js';
export { type CostTable, costBeyond, networkCost, uncoveredWidths } from './costs.js';
export type { ElementQuantizer } from './elementQuantizer.js';
export {
  elementQuantizers,
  quantizeGradient,
  quantizeValue,
} from './elementQuantizer.js';
export { floatBits, inferredBits, inferredBitsGradient, largestBits, smallestBits } from './inferredBitwidth.js';
export { addQuantizerKind, coreOf, kindNamed, parameterNames, quantizerKinds } from './kinds/index.js';
export type { Kind, KindWgsl, StartDescription, StartValues } from './kinds/kind.js';
export { limitMargin } from './limits.js';
export { capMargin } from './octaves.js';
export { effectiveRange, parameterGradients } from './parametrization.js';
export type { Budget, Penalty } from './penalty.js';
export { activationKbytes, addPenaltyGradient, penalty } from './penalty.js';
export {
  bitOperations,
  bitOperationsPerGbop,
  floatWidth,
  type MultiplyAddCost,
  type Product,
  productCost,
  type Width,
} from './products.js';
export { limitGradients, projectionLimits, projectParameters } from './projection.js';
export { type QuantizedValues, quantizedValues } from './quantizedValues.js';
export type {
  ActivationSource,
  Interval,
  ParameterName,
  PublishedKind,
  Quantizer,
  QuantizerCore,
  QuantizerKind,
} from './quantizer.js';
export { wideLimitsOfM } from './quantizer.js';
export { requantizeActivation, requantizeWeights } from './requantization.js';
export { bitLength, clamp, clampDerivative, nearestPowerOfTwo, powerOfTwo, roundHalfAway } from './rounding.js';
export type { ActivationType, MemorySets, TableSizes, TensorSet, Unquantized } from './sizes.js';
export { activationTypes, bitsPerKbyte, largestSet, memorySets, setBits, tableBits, tableSizes } from './sizes.js';
export { squaredError } from './squaredError.js';
export {
  publishedStepSize,
  startExponents,
  startFromWeights,
  startWithStep,
} from './startValues.js';
