/** Golden files: numbers that every engine is measured against. */
export { checkGolden, reportLine } from './checkGolden.js';
export type { FileReport } from './tally.js';
