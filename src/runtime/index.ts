/**
 * The integer runtime: opens a packed network and classifies images, in Node, pages and workers, without dependencies.
 * The results are the same integers everywhere. Kernels are WebAssembly with SIMD, checked on a known product before
 * their first use, or plain JavaScript if there is no SIMD.
 *
 * @example
 * ```ts
 * import { load } from 'mixed-precision-dnns/runtime';
 *
 * const network = await load(await (await fetch('net.safetensors')).arrayBuffer());
 * const [best] = network.classify(pixels); // bytes, height × width × channels
 * console.log(best?.name, best?.probability);
 * ```
 */

import { elementCount } from '../elementCount.js';
import { InputError } from '../errors.js';
import { inputBytes } from '../ship/inputBytes.js';
import {
  type IntegerNetwork,
  type IntegerTensor,
  inputOf,
  outputsOf,
  putsOutClasses,
  type SumPoolLayer,
} from '../ship/integerNetwork.js';
import { classifyIntegers, predictionOf, predictionsOf, runIntegers, sumPool } from '../ship/interpreter.js';
import { unpackNetwork } from '../ship/packedReader.js';
import { softmax } from '../softmax.js';
import type { LossKind } from '../task.js';
import { type KernelKind, usableKinds } from './kernelModule.js';
import { loadProgram, type RuntimeProgram } from './program.js';

export interface Classification {
  readonly index: number;
  /** Name of the class, or its index if the file has no names. */
  readonly name: string;
  readonly probability: number;
}

type Visit = (tensor: IntegerTensor, values: Int32Array) => void;

export interface DeployedNetwork {
  readonly classes: readonly string[];
  /** Names of the table's columns that the network was trained on, in the order of its inputs; none for other inputs. */
  readonly columns: readonly string[];
  /** What its outputs are: with `classes` and `pixels` classes, otherwise values or labels. */
  readonly loss: LossKind;
  /** Shape of an image: height, width, channels. */
  readonly inputShape: readonly [height: number, width: number, channels: number];
  /** Shape of the logits: [classes], or [height, width, classes] of a network with a class for every pixel. */
  readonly outputShape: readonly number[];
  /** The kernels in use. */
  readonly kernels: KernelKind | 'plain';
  /** The number that a logit of 1 means. */
  readonly unit: number;
  /** Integer logits of an image: bytes, or numbers as in training. */
  logits(image: ArrayLike<number>): Float64Array;
  /** Index of the class with the largest logit; of equal ones the first. Only of networks for classes, as are the next two. */
  predict(image: ArrayLike<number>): number;
  /** Class of every pixel, row by row, of a network with logits for each. */
  predictPixels(image: ArrayLike<number>): Int32Array;
  /** All classes, the most probable first. */
  classify(image: ArrayLike<number>): Classification[];
  /** The bytes that the network reads: the image's own, or those of its quantizer. */
  bytes(image: ArrayLike<number>): Uint8Array;
  /** The logits for such bytes; `visit` gets every stored tensor of three axes, for checks. */
  trace(bytes: Uint8Array, visit: Visit): Float64Array;
}

export interface LoadOptions {
  /** Name of the file in messages. */
  readonly source?: string;
  /** Kernels to use, of those that are right on this machine, instead of the fastest ones. */
  readonly kernels?: KernelKind | 'plain';
}

/**
 * Opens a packed network.
 *
 * @throws InputError if it is damaged, no packed network, or of another version, or if the kernels asked for are not right here
 */
export async function load(
  file: ArrayBuffer | Uint8Array,
  { source = 'network', kernels: asked }: LoadOptions = {},
): Promise<DeployedNetwork> {
  const kernels = kernelsHere(asked);
  const network = unpackNetwork(file, source);
  const input = inputOf(network);
  const outputs = outputsOf(network);
  const inputShape = input.output.shape as [number, number, number];
  const program = kernels === 'plain' ? null : loadProgram(network, kernels);
  const classified = classifierOf(network);
  const stored = network.layers.flatMap((layer) =>
    layer.op === 'convolution' || layer.op === 'maxPool' || layer.op === 'arrange' ? [layer.output] : [],
  );

  const run = (bytes: Uint8Array, visit?: Visit): Float64Array => {
    checkImage(bytes, inputShape);
    if (!program) return runIntegers(network, bytes, visit);
    const logits = program.run(bytes);
    if (visit) for (const tensor of stored) visit(tensor, program.read(tensor));
    return logits ?? classified(program);
  };
  const bytes: DeployedNetwork['bytes'] = (image) => inputBytes(input, image);
  const logits: DeployedNetwork['logits'] = (image) => run(bytes(image));
  const ofClasses: DeployedNetwork['logits'] = (image) => {
    if (putsOutClasses(network)) return logits(image);
    throw new RangeError(
      `the network was trained with loss = ${network.loss}, its outputs are no classes: logits, each times unit`,
    );
  };
  const ofImage: DeployedNetwork['logits'] = (image) => {
    const own = ofClasses(image);
    if (outputs.shape.length === 1) return own;
    throw new RangeError(`the network has ${outputs.shape.join('×')} logits, a class for every pixel: predictPixels`);
  };
  return {
    ...{ classes: network.classes, columns: network.columns ?? [], loss: network.loss },
    ...{ inputShape, outputShape: outputs.shape, kernels, unit: outputs.unit },
    ...{ logits, bytes, trace: run },
    predict: (image) => predictionOf(ofImage(image)),
    predictPixels: (image) => predictionsOf(ofClasses(image), outputs.classes),
    classify: (image) => {
      const shares = softmax(Array.from(ofImage(image), (logit) => logit * outputs.unit));
      return shares
        .map((probability, index) => ({ index, name: network.classes[index] ?? String(index), probability }))
        .sort((a, b) => b.probability - a.probability);
    },
  };
}

/** The kernels asked for, or the fastest ones, of those that are right on this machine. */
function kernelsHere(asked: LoadOptions['kernels']): KernelKind | 'plain' {
  if (asked === 'plain') return asked;
  const here = [...usableKinds(), 'plain'] as const;
  const kernels = asked ?? here[0]!;
  if (here.includes(kernels)) return kernels;
  throw new InputError(
    `kernels = ${kernels}: this machine does not run them right; take ${here.join(' or ')}, or leave it out for the fastest`,
  );
}

/** The function that reads the logits of a network with a classifier from a program that has run. */
function classifierOf(network: IntegerNetwork): (program: RuntimeProgram) => Float64Array {
  const { layer } = outputsOf(network);
  if (layer.op !== 'classifier') {
    return () => {
      throw new Error('the program puts out no logits');
    };
  }
  const pool = network.layers.find(
    (each): each is SumPoolLayer => each.op === 'sumPool' && each.output === layer.input,
  );
  return ({ read }) => classifyIntegers(layer, pool ? sumPool(pool, read(pool.input)) : read(layer.input));
}

function checkImage(image: Uint8Array, shape: readonly number[]): void {
  const wanted = elementCount(shape);
  if (image.length !== wanted)
    throw new RangeError(`an input has ${shape.join('×')} = ${wanted} numbers, not ${image.length}`);
}
