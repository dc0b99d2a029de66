export { discardUnfinished, makeFolder, writeDurably } from '../disk/durableFile.js';
export * from './runFolder.js';
export type { AccuracyRow, LossRow, RunRow } from './runTables.js';
export { priorExperiment, resolveStartingWeights } from './startingWeights.js';
