/** The library in a browser: as in Node, with the engines that a browser has. What this reaches imports no `node:*`. */

import { selectBrowserEngine } from './engine/browserEngine.js';
import { openWith } from './library/network.js';
import { trainWith } from './library/train.js';

export { generateSynthetic } from './data/synthetic.js';
export { DeviceLost, InputError } from './errors.js';
export type { ImageShape, LabelledImages } from './library/imageArrays.js';
export type { Network, OpenOptions } from './library/network.js';
export type { TrainingData, TrainingOptions, TrainingResult, TrainingSettings } from './library/train.js';
export type { Prediction } from './program/predictions.js';
export * as quant from './quant/index.js';
export type { EpochReport, StepReport, TrainingMetrics } from './train/recorder.js';
export type { RunSummary } from './train/summary.js';
export { TrainingFault } from './train/train.js';

/** Trains a network on images in memory; see `train` of the Node entry. More threads than one need a Web Worker. */
export const train = trainWith(selectBrowserEngine);

/** Opens a trained network from the bytes of a file of parameters. */
export const open = openWith(selectBrowserEngine);
