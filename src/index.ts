/** The library: what the command line is made of. */

export { loadDataset } from './data/files/index.js';
export * as data from './data/index.js';
export type { Engine, Program } from './engine/engine.js';
export { type Device, type EngineOptions, selectEngine } from './engine/selectEngine.js';
export { InputError } from './errors.js';
export { openSession, type Session } from './program/session.js';
export { buildTrainingProgram, type ProgramOptions, type TrainingProgram } from './program/trainingProgram.js';
export * as quant from './quant/index.js';
export { plotRun, plotRuns } from './report/index.js';
export * as experiment from './settings/index.js';
export { dataShape, programOptions } from './train/programOptions.js';
export { initialState, type TrainingRun, train } from './train/train.js';
