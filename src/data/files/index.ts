/** Datasets from the disk: readers, decoders, the download. */
export { decodeForNetwork } from './decodeForNetwork.js';
export { measured } from './imageSizes.js';
export * from './loadDataset.js';
