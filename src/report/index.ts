export { plotRun } from './plotRun.js';
export { plotRuns } from './plotRuns.js';
export { type LayerSummary, summaryTable } from './summaryTable.js';
