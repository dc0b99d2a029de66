/** The library in Node; docs/library.md has an example for each use. */

import { selectEngine } from './engine/selectEngine.js';
import { type Network, type OpenOptions, openWith } from './library/network.js';
import { trainWith } from './library/train.js';
import { readWeightFile } from './weights/safetensorsFile.js';

export * from './library/index.js';
export { sectionSettings } from './library/sectionSettings.js';

/**
 * Trains a network on images in memory, as `mpdnn train` does: the same settings and seed give the same bytes.
 *
 * @throws InputError for settings, images, weights or a checkpoint that do not fit
 * @throws TrainingFault if the loss, a parameter, or the error of an evaluation is no longer finite
 * @example
 * ```ts
 * import { train } from 'mixed-precision-dnns';
 *
 * const { summary } = await train({ data, settings: { w_quantize: 'parametric_fp_d_xmax', epochs: 20 } });
 * console.log(summary?.best_val_err, summary?.weights_kb);
 * ```
 */
export const train = trainWith(selectEngine);

/**
 * Opens a trained network: the bytes of a file of parameters, or its path.
 *
 * @throws InputError if it is missing, damaged, or does not say which network it belongs to
 * @example
 * ```ts
 * import { open } from 'mixed-precision-dnns';
 *
 * const network = await open('experiments/QUICKSTART/params_best.safetensors');
 * const [prediction] = await network.predict(image);
 * console.log(prediction?.class, prediction?.probability);
 * ```
 */
export async function open(parameters: Uint8Array | ArrayBuffer | string, options?: OpenOptions): Promise<Network> {
  if (typeof parameters !== 'string') return openWith(selectEngine)(parameters, options);
  return openWith(selectEngine, parameters)(readWeightFile(parameters), options);
}
