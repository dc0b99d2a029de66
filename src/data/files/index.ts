/** Datasets from the disk: readers, decoders, the download. */
export { measured } from './imageSizes.js';
export * from './loadDataset.js';
