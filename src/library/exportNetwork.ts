/** Export of a trained network as integers, as `mpdnn export` makes it, from the bytes of a file of parameters. */

import { InputError } from '../errors.js';
import { useFixedPairs } from '../program/parameters.js';
import { countChannels, withoutPruned } from '../program/prunedChannels.js';
import { buildEvaluationProgram, type ProgramOptions, type TrainingProgram } from '../program/trainingProgram.js';
import type { Experiment } from '../settings/index.js';
import { cFiles } from '../ship/c/files.js';
import { checkImages, testImages } from '../ship/checkImages.js';
import { type Lowered, type LoweringOptions, lowerNetwork } from '../ship/lowering.js';
import { packNetwork } from '../ship/packedFile.js';
import { unpackNetwork } from '../ship/packedReader.js';
import { networkFault } from '../ship/verification.js';
import type { DataDescription } from '../train/dataDescription.js';
import { readDescription } from '../train/description.js';
import { describedShape, programOptions } from '../train/programOptions.js';
import { parseSafetensorsFile } from '../weights/checkedSafetensors.js';
import { type LoadedWeights, weightsToStartFrom } from '../weights/loadedWeights.js';

export interface ExportedNetwork {
  /** The bytes of a packed file, which the entry `mixed-precision-dnns/runtime` opens. */
  readonly packed: Uint8Array;
  /** C99 sources by file name: the network, a test with expected logits, and a Makefile. */
  readonly c: ReadonlyMap<string, string>;
}

/**
 * Converts the parameters of a trained network to an integer network and checks that it equals the trained one.
 *
 * @param options `name`: prefix of the C files and of their public names
 * @throws InputError if the bytes are damaged, or if the network cannot run in integers
 * @example
 * ```ts
 * import { exportNetwork, train } from 'mixed-precision-dnns';
 *
 * const quantized = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };
 * const { lastParameters } = await train({ data, settings: { model: 'tiny', epochs: 1, batch_size: 10, ...quantized } });
 * const { packed, c } = exportNetwork(lastParameters!);
 * console.log(packed.length, [...c.keys()]); // …, ['net.h', 'net.c', 'test.h', 'test.c', 'Makefile']
 * ```
 */
export function exportNetwork(
  parameters: Uint8Array | ArrayBuffer,
  { name = 'net' }: { readonly name?: string } = {},
): ExportedNetwork {
  const file = parseSafetensorsFile(parameters, 'parameters');
  const { experiment, data } = readDescription(file.metadata, 'parameters');
  const { lowered } = lowerTrained(experiment, data, weightsToStartFrom(file, 'parameters'));
  const { network } = lowered;
  const packed = packNetwork(network, { experiment: experiment.name });
  const fault = networkFault(unpackNetwork(packed, 'packed'), lowered);
  if (fault) throw new InputError(`parameters: the integer network is not the trained one: ${fault}`);
  return { packed, c: cFiles(network, { name, images: checkImages(network, testImages) }) };
}

/**
 * The integer network of trained parameters, and the evaluation program that it was made from.
 *
 * @throws InputError for parameters of another network, or if the network cannot run in integers
 */
export function lowerTrained(
  experiment: Experiment,
  data: DataDescription,
  weights: LoadedWeights,
  onProgress?: LoweringOptions['onProgress'],
): { readonly lowered: Lowered; readonly program: TrainingProgram } {
  const program = openedProgram(
    { ...programOptions(experiment, describedShape(data), weights), batchSize: 1 },
    weights,
  );
  const columns = data.features?.of === 'columns' ? data.features.names : undefined;
  return { lowered: lowerNetwork(program, data.classes, { columns, onProgress }), program };
}

/** The evaluation program of the network, without its pruned channels. */
function openedProgram(options: ProgramOptions, weights: LoadedWeights): TrainingProgram {
  const whole = buildEvaluationProgram(options);
  useFixedPairs(whole, weights);
  countChannels(whole, (name) => weights.get(name)?.values);
  const left = withoutPruned(whole, weights);
  if (left.options === whole.options) return whole;
  const thin = buildEvaluationProgram({ ...left.options, starting: left.weights });
  useFixedPairs(thin, weights);
  return thin;
}
