export * from './graph.js';
export type { Plan } from './plan.js';
export * from './tensor.js';
