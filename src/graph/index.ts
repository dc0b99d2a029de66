export { fuse } from '../passes/fusion.js';
export { appendGradients } from '../passes/gradients.js';
export { prune } from '../passes/pruning.js';
export { type AnyNode, Graph, type Node } from './graph.js';
export { makePlan, type Plan } from './plan.js';
export * from './tensor.js';
