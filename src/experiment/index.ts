export { guaranteesBudget, hasBudget, obeysBudget } from './budget.js';
export { commandWords, trainCommandLine } from './commandLine.js';
export { type ConfigEntry, type ConfigFile, readConfigFile } from './configFile.js';
export { discardUnfinished, makeFolder, writeDurably } from './durableFile.js';
export {
  type Experiment,
  experimentFromSettings,
  type Overrides,
  resolveExperiment,
} from './experiment.js';
export { type LayerRule, type ResolvedLayer, resolveLayers } from './layerRules.js';
export { type ExperimentRow, listExperiments } from './listExperiments.js';
export { type QuantizerBounds, quantizerBounds } from './quantizerBounds.js';
export type { QuantizerSettings } from './quantizerSettings.js';
export * from './runFolder.js';
export type { AccuracyRow, LossRow, QuantizerRow, RunRow, SizesRow } from './runTables.js';
export type { Settings } from './settingRules.js';
export { type ModelName, modelNames, settingKeys } from './settings.js';
export { settingsDifference } from './settingsDifference.js';
export { priorExperiment, resolveStartingWeights } from './startingWeights.js';
