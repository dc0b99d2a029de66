export { type BitRange, beatenBy, type ComparedRun, type Comparison, compareRuns } from './comparison.js';
export { comparisonPlot } from './comparisonPlot.js';
export { exportPlot } from './exportPlot.js';
export { plotRun } from './plotRun.js';
export { plotRuns } from './plotRuns.js';
export { drawPlot, writePlot } from './renderPlot.js';
export { sensitivityPlot } from './sensitivityPlot.js';
