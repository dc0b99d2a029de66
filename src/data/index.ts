/** Datasets as resident bytes or streams of files, their batches, and random numbers whose state can be saved. */
export * from './augmentation.js';
export * from './batches.js';
export * from './dataSpec.js';
export { Cifar10Missing } from './files/cifar10.js';
export { measured } from './files/imageSizes.js';
export * from './files/loadDataset.js';
export { type Dataset, type ImageSet, joined, limit, split } from './imageSet.js';
export { type ImageStream, type Images, isStream, readAhead, sizesOf } from './imageStream.js';
export * from './progress.js';
export * from './random.js';
export { generateSynthetic } from './synthetic.js';
