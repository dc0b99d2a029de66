/**
 * Datasets as resident values or streams of files, their batches, and random numbers with a state that can be saved.
 * Only `files/` opens files.
 */
export * from './augmentation.js';
export * from './batches.js';
export * from './dataSpec.js';
export * from './features.js';
export * from './fingerprint.js';
export {
  type Dataset,
  type ImageSet,
  type InputArray,
  type InputType,
  inputType,
  limit,
  usualSplit,
} from './imageSet.js';
export { type ImageStream, type Images, isStream, readAhead } from './imageStream.js';
export * from './progress.js';
export * from './random.js';
export { generateSynthetic } from './synthetic.js';
