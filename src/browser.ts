/** The library in a browser: as in Node, with a browser's engines. No module below it imports `node:*`. */

import { selectBrowserEngine } from './engine/browserEngine.js';
import { openWith } from './library/network.js';
import { trainWith } from './library/train.js';

export * from './library/index.js';

/**
 * Trains a network on images in memory; see `train` of the Node entry. More threads than one need a Web Worker.
 *
 * @throws InputError for settings, images, weights or a checkpoint that do not fit
 * @throws TrainingFault if the loss, a parameter, or the error of an evaluation is no longer finite
 * @example
 * ```ts
 * import { train } from 'mixed-precision-dnns/browser';
 *
 * const { summary } = await train({ data, settings: { epochs: 20, device: 'gpu' } });
 * console.log(summary?.best_val_err, summary?.device);
 * ```
 */
export const train = trainWith(selectBrowserEngine);

/**
 * Opens a trained network from the bytes of a file of parameters.
 *
 * @throws InputError if they are damaged, or do not say which network they belong to
 * @example
 * ```ts
 * import { open } from 'mixed-precision-dnns/browser';
 *
 * const file = await fetch('params_best.safetensors');
 * const network = await open(await file.arrayBuffer());
 * const [prediction] = await network.predict(image);
 * console.log(prediction?.class, prediction?.probability);
 * ```
 */
export const open = openWith(selectBrowserEngine);
