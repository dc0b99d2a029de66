export { fuse } from './fusion.js';
export { appendGradients, type GradientPlaces } from './gradients.js';
export { makePlan } from './planning.js';
export { prune } from './pruning.js';
