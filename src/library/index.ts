/** The part of the library that Node and browsers share. */

export { generateSynthetic } from '../data/synthetic.js';
export { DeviceLost, InputError } from '../errors.js';
export type { LiveEpoch, LiveLine, LiveRun, LiveStep, LiveTensor } from '../live/liveFormat.js';
export type {
  AveragePoolOptions,
  ConvOptions,
  Define,
  DenseConvOptions,
  LayerOptions,
  Layers,
  LinearOptions,
  NameOptions,
  NetworkDefinition,
  NetworkOptions,
  PoolOptions,
  ShuffleOptions,
  SliceOptions,
  SubsampleOptions,
  Value,
} from '../nn/index.js';
export { network } from '../nn/index.js';
export type { Prediction } from '../program/predictions.js';
export * as quant from '../quant/index.js';
export { metrics, metricText, type Task } from '../task.js';
export type { EpochReport, StepReport, TrainingMetrics } from '../train/recorder.js';
export type { RunSummary } from '../train/summary.js';
export { TrainingFault } from '../train/trainingSteps.js';
export type { ExportedNetwork } from './exportNetwork.js';
export { exportNetwork } from './exportNetwork.js';
export type { ImageShape, ImageSource, LabelledImages } from './imageArrays.js';
export type { Network, OpenOptions } from './network.js';
export type { TrainingData, TrainingOptions, TrainingResult, TrainingSettings } from './train.js';
