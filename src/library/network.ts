/** Trained networks, opened from the bytes of a file of parameters, for prediction and evaluation. */

import { type ImageSet, type InputArray, inputType } from '../data/imageSet.js';
import type { Device } from '../device.js';
import type { EngineOptions, SelectEngine } from '../engine/engineSelector.js';
import { InputError } from '../errors.js';
import type { Evaluation } from '../program/evaluate.js';
import { openInference } from '../program/inference.js';
import { type Prediction, predictions } from '../program/predictions.js';
import type { Sizes } from '../program/quantizerReport.js';
import { readSetting, type SettingKey, type SettingOf } from '../settings/settings.js';
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
  /** The engine and its machine, in words. */
  readonly device: string;
  /** Bits by tensor; 32 for tensors that are not quantized. */
  readonly bits: Readonly<Record<string, number>>;
  /** Memory in kB of 1024 bytes. */
  readonly sizes: Sizes;
  /** Predicts the classes of images [count, height, width, channels], in their order. Only with `loss` = classes. */
  predict(images: LabelledImages['images']): Promise<Prediction[]>;
  /** The loss and the metric that the network was trained for. */
  readonly task: Task;
  /** Computes the outputs [count, ...shape] for images, in their order; `shape` is that of one image's output. */
  outputs(
    images: LabelledImages['images'],
  ): Promise<{ readonly values: Float64Array; readonly shape: readonly number[] }>;
  /**
   * Evaluates the network on labelled images: mean loss, and the metric as an error (a fraction of wrong classes; 1 −
   * AUC).
   */
  evaluate(images: LabelledImages): Promise<Evaluation>;
  /** Frees the engine; the network cannot be used any more. */
  close(): Promise<void>;
}

export interface OpenOptions extends Pick<EngineOptions, 'threads' | 'matmulPrecision'> {
  /** By default `auto`: a GPU if there is one. */
  readonly device?: Device;
  /** Images a batch; by default as many as in training. */
  readonly batchSize?: number;
}

export type Open = (parameters: Uint8Array | ArrayBuffer, options?: OpenOptions) => Promise<Network>;

/** Makes the function `open` for the engines of Node or of a browser. `source`: name of the bytes in messages. */
export function openWith(selectEngine: SelectEngine, source = 'parameters'): Open {
  return async (parameters, given = {}) => {
    const device = optionOf('device', given.device, 'device');
    const threads = optionOf('threads', given.threads, 'threads') ?? undefined;
    const matmulPrecision = optionOf('matmulPrecision', given.matmulPrecision, 'matmul_precision');
    const file = parseSafetensorsFile(parameters, source);
    const { experiment, data } = readDescription(file.metadata, source);
    const { classes, image: imageShape } = data;
    const [height, width, channels] = imageShape;
    const shape = { height, width, channels };
    const { task } = experiment;
    const options = programOptions(experiment, describedShape(data), null);
    const engine = await selectEngine(device, { threads, matmulPrecision });
    try {
      const size = optionOf('batchSize', given.batchSize ?? options.batchSize, 'batch_size');
      const inference = await openInference(engine, { ...options, batchSize: size }, weightsToStartFrom(file, source));
      const oneByOne = queue();
      let isClosed = false;
      const suited = (set: ImageSet<InputArray>): ImageSet<InputArray> => {
        if (isClosed) throw new InputError('network: it is closed; open it again');
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
        close: () => {
          isClosed = true;
          return oneByOne(() => engine.dispose());
        },
      };
    } catch (error) {
      await engine.dispose();
      throw error;
    }
  };
}

/** The value of an option, by the rule of its key in .cfg files. */
function optionOf<K extends SettingKey>(option: keyof OpenOptions, given: unknown, key: K): SettingOf<K> {
  const text = given?.toString();
  return readSetting(key, text, ({ message }) => new InputError(`open: ${option} = ${text}: ${message}`));
}

/** Makes a queue that runs one task after another, since they share the storages of one program. */
function queue(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const own = last.then(task);
    last = own.catch(() => undefined);
    return own;
  };
}
