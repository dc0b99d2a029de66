/** Start of quantizers before the first step; loaded with the first network that has any. */

export { startOnActivations } from './activationStart.js';
export { zeroedWeights } from './zeroedWeights.js';
