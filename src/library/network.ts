/** Trained networks: opened from the bytes of a file of parameters, to predict and to evaluate. */

import { type ImageSet, type InputArray, inputType } from '../data/imageSet.js';
import type { Device, EngineOptions, SelectEngine } from '../engine/engineSelector.js';
import { InputError } from '../errors.js';
import type { Evaluation } from '../program/evaluate.js';
import { openInference } from '../program/inference.js';
import { type Prediction, predictions } from '../program/predictions.js';
import type { Sizes } from '../program/quantizerReport.js';
import type { Task } from '../task.js';
import { readDescription } from '../train/description.js';
import { describedShape, programOptions } from '../train/programOptions.js';
import { parseSafetensorsFile } from '../weights/checkedSafetensors.js';
import { weightsToStartFrom } from '../weights/loadedWeights.js';
import { type ImageShape, imageSet, type LabelledImages, unlabelledSet } from './imageArrays.js';

/** A trained network on an engine. */
export interface Network extends ImageShape {
  readonly model: string;
  readonly classes: readonly string[];
  /** The engine, in words. */
  readonly device: string;
  /** Bits by tensor; 32 for what is not quantized. */
  readonly bits: Readonly<Record<string, number>>;
  /** Memory in kB of 1024 bytes. */
  readonly sizes: Sizes;
  /** The classes of images [count, height, width, channels], in their order; only with `loss` = classes. */
  predict(images: LabelledImages['images']): Promise<Prediction[]>;
  /** What it was trained for, and the metric that its errors are of. */
  readonly task: Task;
  /** The outputs for images, in their order: [count, ...shape], `shape` being that of one image. */
  outputs(
    images: LabelledImages['images'],
  ): Promise<{ readonly values: Float64Array; readonly shape: readonly number[] }>;
  /** Error (of classes a fraction; 1 − AUC and the like where that is the metric) and mean loss on images with answers. */
  evaluate(images: LabelledImages): Promise<Evaluation>;
  /** Gives the engine back; the network cannot be used any more. */
  close(): Promise<void>;
}

export interface OpenOptions extends Pick<EngineOptions, 'threads' | 'matmulPrecision'> {
  /** `auto`, a GPU where there is one, by default. */
  readonly device?: Device;
  /** Images at a time; as many as it was trained with by default. */
  readonly batchSize?: number;
}

export type Open = (parameters: Uint8Array, options?: OpenOptions) => Promise<Network>;

/** The function `open` with the engines of Node or of a browser; `source` is what messages call the bytes. */
export function openWith(selectEngine: SelectEngine, source = 'parameters'): Open {
  return async (parameters, { device = 'auto', threads, matmulPrecision, batchSize } = {}) => {
    const file = parseSafetensorsFile(parameters, source);
    const { experiment, data } = readDescription(file.metadata, source);
    const { classes, image: imageShape } = data;
    const [height, width, channels] = imageShape;
    const shape = { height, width, channels };
    const { task } = experiment;
    const options = programOptions(experiment, describedShape(data), null);
    const engine = await selectEngine(device, { threads, matmulPrecision });
    try {
      const size = checkedBatchSize(batchSize ?? options.batchSize);
      const inference = await openInference(engine, { ...options, batchSize: size }, weightsToStartFrom(file, source));
      const oneByOne = queue();
      const suited = (set: ImageSet<InputArray>): ImageSet<InputArray> => {
        if (inputType(set) === data.values) return set;
        throw new InputError(`images: are ${inputType(set)}, the network takes ${data.values}`);
      };
      return {
        ...shape,
        model: experiment.network.model,
        classes,
        device: `${engine.name}: ${engine.description}`,
        bits: inference.quantizers.bits,
        sizes: inference.quantizers.sizes,
        task,
        outputs: async (images) => {
          const set = suited(unlabelledSet(images, shape, 'images'));
          return oneByOne(async () => ({ values: await inference.logits(set), shape: inference.outputShape }));
        },
        predict: async (images) => {
          if (task.loss !== 'classes') {
            throw new InputError(
              `predict: is of classes, and this network of ${task.loss}; outputs(images) gives its numbers`,
            );
          }
          const set = suited(unlabelledSet(images, shape, 'images'));
          return oneByOne(async () => predictions(await inference.logits(set), classes));
        },
        evaluate: async (images) => {
          const set = suited(imageSet(images, shape, classes.length, 'images', task));
          return oneByOne(() => inference.evaluate(set));
        },
        close: () => oneByOne(() => engine.dispose()),
      };
    } catch (error) {
      await engine.dispose();
      throw error;
    }
  };
}

function checkedBatchSize(batchSize: number): number {
  if (Number.isInteger(batchSize) && batchSize >= 1) return batchSize;
  throw new InputError(`batchSize is ${batchSize}; it must be a whole number from 1 on`);
}

/** Runs one task after another: they share the storages of one program. */
function queue(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const own = last.then(task);
    last = own.catch(() => undefined);
    return own;
  };
}
