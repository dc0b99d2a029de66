/** The kernels for matrix units, which pages fetch for devices that have some. */

export { stripForward, stripWeightGradient } from './imageStrip.js';
export { matrixDirectives, matrixTileProduct } from './matrixTile.js';
export { matrixPixelTiles, matrixWeightTiles } from './matrixTileShapes.js';
export { rowsInputGradient, rowsWeightGradient } from './rowGradients.js';
export { rowTileGradient } from './rowTileGradient.js';
export { weightRowTiles } from './rowTileGradientShapes.js';
export { momentsEnd, rowTileProduct } from './rowTileProduct.js';
export { pixelRowTiles } from './rowTileShapes.js';
