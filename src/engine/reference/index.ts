/** The float64 engine against which the others are tested. */
export { createReferenceEngine } from './referenceEngine.js';
