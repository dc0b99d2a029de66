export { fuse } from './fusion.js';
export { appendGradients } from './gradients.js';
export { makePlan } from './planning.js';
export { prune } from './pruning.js';
