export { discardUnfinished, makeFolder, writeDurably } from '../disk/durableFile.js';
export { checkTables, readCurves, readQuantizers, readResults, readSizes } from './folderTables.js';
export { withNetworkOfFile } from './ownNetwork.js';
export { runDifference } from './runDifference.js';
export * from './runFolder.js';
export type { RunRow } from './runTables.js';
export { priorExperiment, readWeightsToStartFrom, resolveStartingWeights } from './startingWeights.js';
