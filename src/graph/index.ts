export { fuse } from './fusion.js';
export { appendGradients } from './gradients.js';
export { type AnyNode, Graph, type Node } from './graph.js';
export { makePlan, type Plan } from './plan.js';
export { prune } from './pruning.js';
export * from './tensor.js';
