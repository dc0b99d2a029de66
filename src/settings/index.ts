export { guaranteesBudget, hasBudget, obeysBudget } from './budget.js';
export {
  commandWords,
  documentedName,
  optionOf,
  optionWords,
  programName,
  setProgramName,
  trainCommandLine,
} from './commandLine.js';
export { type ConfigFile, parseConfig, sectionEntries } from './configFile.js';
export { configText, type Lines } from './configText.js';
export {
  type Experiment,
  experimentFromSettings,
  experimentOfRun,
  type Overrides,
  resolveExperiment,
  settingEntries,
  whereSet,
  withDefinition,
} from './experiment.js';
export { type ResolvedLayer, resolveLayers } from './layerRules.js';
export { listExperiments } from './listExperiments.js';
export { quantizerBounds } from './quantizerBounds.js';
export type { QuantizerSettings } from './quantizerSettings.js';
export { mayHaveSameOperations } from './sameOperations.js';
export { canPrune, hasTarget, hasWidths, pixelNumbers, quantizes, searchEpochs } from './settingRules.js';
export {
  concernsQuantizers,
  concernsSizes,
  isModelFile,
  isOnnxFile,
  type ModelName,
  modelNames,
  type SettingKey,
  settingKeys,
  soundKeys,
} from './settings.js';
export { decidingSettings, settingsDifference } from './settingsDifference.js';
