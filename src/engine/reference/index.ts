/** The float64 engine that judges the others. */
export { createReferenceEngine } from './referenceEngine.js';
