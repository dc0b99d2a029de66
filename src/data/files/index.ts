/** Datasets from the disk: readers, decoders, the download. */

export { listImageFolder } from './imageFolder.js';
export { measured, sampledSizes } from './imageSizes.js';
export * from './loadDataset.js';
export { readForNetwork } from './readForNetwork.js';
