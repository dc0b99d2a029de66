export { discardUnfinished, makeFolder, writeDurably } from '../disk/durableFile.js';
export * from './runFolder.js';
export { priorExperiment, resolveStartingWeights } from './startingWeights.js';
