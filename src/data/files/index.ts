/** Datasets from the disk: readers, decoders, the download. */
export { Cifar10Missing } from './cifar10.js';
export { measured } from './imageSizes.js';
export * from './loadDataset.js';
