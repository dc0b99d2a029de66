/** Datasets from the disk: readers, decoders, the download. */
export { decodeForNetwork } from './decodeForNetwork.js';
export { listImageFolder } from './imageFolder.js';
export { measured, sampledSizes } from './imageSizes.js';
export * from './loadDataset.js';
