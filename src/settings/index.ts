export { guaranteesBudget, hasBudget, obeysBudget } from './budget.js';
export { commandWords, documentedProgram, optionWords, program, setProgram, trainCommandLine } from './commandLine.js';
export { type ConfigEntry, type ConfigFile, parseConfig } from './configFile.js';
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
export type { Settings } from './settingRules.js';
export { type ModelName, modelNames, settingKeys } from './settings.js';
export { settingsDifference } from './settingsDifference.js';
