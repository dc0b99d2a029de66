/** The network that suits the data of a call: its model, and the shape and scale of its inputs. */

import type { Moments } from '../data/index.js';
import { InputError } from '../errors.js';
import { autoencoderBottleneck } from '../nn/index.js';
import { resolveStartingWeights } from '../runs/index.js';
import { type Experiment, isOnnxFile, parseConfig } from '../settings/index.js';
import { readDescription } from '../train/description.js';
import { type DataShape, networkOf, normalisation } from '../train/programOptions.js';
import { type LoadedWeights, readStartingWeights } from '../weights/index.js';
import { modelOfWeights } from './startingModel.js';
import type { Survey } from './survey.js';

export interface NetworkChoice {
  readonly model: string;
  /** By what float features without moments of their own are standardised. */
  readonly numbers: Moments | null;
}

/** Where settings stand that no file has. */
export const source = 'recommended settings';

/**
 * The network for the data of a call, by its starting weights if there are any.
 *
 * @throws InputError if starting weights are wrong, or if the usual network does not suit the data
 */
export async function chooseNetwork(asked: Experiment, seen: Survey): Promise<NetworkChoice> {
  const { settings, overrides } = asked;
  const isNamed = overrides.has('model') || overrides.has('num_layers');
  const unscaled = ['mean', 'std', 'normalise'].some((key) => overrides.has(key)) ? null : seen.unscaled;
  const file = isNamed && !unscaled ? null : resolveStartingWeights(asked, parseConfig('', source));
  const weights = file === null ? null : await readStartingWeights(file);
  const usual = () => (weights ? modelOfWeights(weights) : usualModel(asked, seen));
  return {
    model: isNamed ? settings.model : usual(),
    numbers: unscaled && (weights ? numbersOf(weights) : isOnnxFile(settings.model) ? null : unscaled),
  };
}

function usualModel(asked: Experiment, seen: Survey): string {
  const { settings, overrides } = asked;
  if (asked.task.target === 'input') return 'dense_autoencoder';
  if (seen.inputSize && areNumbers(seen.inputSize)) return 'mlp';
  // Refuses data that the usual network does not suit.
  networkOf(asked, shapeOf(asked, seen));
  const size = overrides.has('image_size') ? (settings.image_size ?? seen.side) : imageSize(seen, false);
  return size <= 96 ? 'resnet20' : 'resnet18';
}

/** The moments by which the inputs of a trained network were standardised; null if that is not known. */
function numbersOf({ metadata, source: file }: LoadedWeights): Moments | null {
  if (metadata?.settings === undefined) return null;
  const { mean, std } = readDescription(metadata, file).experiment.settings;
  return mean && std && { mean, std };
}

/** A note where the autoencoder's narrowest layer holds all that its input says, so that it need not learn what is normal. */
export function bottleneckNotes(model: string, { inputSize, channels }: Survey): string[] {
  const count = inputSize ? inputSize[0] * inputSize[1] * channels : Number.POSITIVE_INFINITY;
  if (model !== 'dense_autoencoder' || count > autoencoderBottleneck) return [];
  return [
    `NOTE: the narrowest layer of dense_autoencoder has ${autoencoderBottleneck} units, which hold all ${count} numbers of ` +
      'an input; give a narrower network, --model ./net.mjs (docs/own-networks.md#tables)',
  ];
}

/** Tells whether inputs of this size are lists of numbers, such as lines of a table. */
export function areNumbers(size: readonly number[]): boolean {
  return size.every((length) => length === 1);
}

/** Where to find networks that are larger than a recommended one; none for others. */
export function largerNetworks(model: string): string | undefined {
  if (model === 'mlp') return 'a wider one: width_multiplier = 2';
  return model.startsWith('resnet') ? 'larger ones: resnet56, resnet18, mobilenetv2' : undefined;
}

/** The image size: small images as they are, others at a size at which a small network trains quickly. */
export function imageSize({ side, commonSize, areFiles }: Survey, fromFile: boolean): number {
  if (!areFiles || (areEqualSquares(commonSize) && side <= 96)) return side;
  // The size on which most pretrained networks were trained.
  if (fromFile && side >= 224) return 224;
  return Math.max(8, Math.min(128, 8 * Math.floor(side / 8)));
}

export function areEqualSquares(size: Survey['commonSize']): boolean {
  return size !== null && size[0] === size[1];
}

/** Height and width of the images of a network of one's own that are no squares; null for squares. */
export function oblongInput({
  network: { definition },
}: Pick<Experiment, 'network'>): readonly [number, number] | null {
  const [height, width] = definition?.input ?? [0, 0];
  return height === width ? null : [height, width];
}

export function shapeOf(experiment: Experiment, seen: Survey): DataShape {
  const side = experiment.data.imageSize ?? seen.side;
  const { classes, targetShape, channels, trainImages, testImages } = seen;
  const oblong = seen.areFiles ? oblongInput(experiment) : null;
  const [height, width] = oblong ? takenSize(experiment, seen, oblong) : (seen.inputSize ?? [side, side]);
  const scaling = normalisation(experiment, channels, seen.values);
  const imageShape = [height, width, channels] as const;
  return { classes, targetShape, imageShape, trainImages, evaluationImages: testImages, scaling };
}

/** The one size of pictures that a network takes as they are. */
function takenSize({ settings }: Experiment, { commonSize }: Survey, [height, width]: readonly [number, number]) {
  if (commonSize) return commonSize;
  throw new InputError(
    `data = ${settings.data}: pictures of different sizes; the network takes ${height}x${width} as they are: give all that size`,
  );
}
