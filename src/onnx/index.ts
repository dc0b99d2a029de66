export { type ImportedNetwork, importOnnx } from './importNetwork.js';
