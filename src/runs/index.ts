export { discardUnfinished, makeFolder, writeDurably } from '../disk/durableFile.js';
export { withNetworkOfFile } from './ownNetwork.js';
export * from './runFolder.js';
export { priorExperiment, readWeightsToStartFrom, resolveStartingWeights } from './startingWeights.js';
