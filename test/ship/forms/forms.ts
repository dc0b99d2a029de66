/** Every form of an integer network that can run here, against the interpreter, image by image. */

import * as native from 'onnxruntime-node';
import * as web from 'onnxruntime-web';
import type { Expected } from '../../../src/deploy/checks.js';
import type { Share } from '../../../src/deploy/npuMismatches.js';
import { load } from '../../../src/runtime/index.js';
import { usableKinds } from '../../../src/runtime/kernelModule.js';
import {
  type ConvolutionLayer,
  type IntegerNetwork,
  type IntegerTensor,
  inputOf,
  outputsOf,
} from '../../../src/ship/integerNetwork.js';
import { predictionsOf } from '../../../src/ship/interpreter.js';
import { channelsFirst } from '../../../src/ship/onnx/channelsFirst.js';
import { exactModel } from '../../../src/ship/onnx/exactModel.js';
import { packNetwork } from '../../../src/ship/packedFile.js';
import { boards } from '../boards.js';
import { hasRoom, storedBytes, storedTensors, type TracedProgram, tracedProgram } from '../tracedProgram.js';
import type { Reference } from './referenceValues.js';

/** Numbers of differing activations and logits, and of all; predictions count as logits. */
export interface Differences {
  readonly activations: Share;
  readonly logits: Share;
  /**
   * Images that differ from a layer on that is right by definition, since what is behind it has other inputs: neither
   * their later activations nor their logits count above.
   */
  readonly images: number;
}

export interface Form {
  readonly name: string;
  compare(expected: readonly Expected[]): Promise<Differences>;
  close(): Promise<void>;
}

export type FormKind = 'runtime' | 'c' | keyof typeof boards | 'onnx' | 'reference';
const boardNames = Object.keys(boards) as (keyof typeof boards)[];
export const formKinds: readonly FormKind[] = ['runtime', 'c', ...boardNames, 'onnx', 'reference'];

/** The forms of some kinds; `reference` computes what the network was before it was lowered. */
export async function openForms(
  network: IntegerNetwork,
  reference: Reference,
  kinds: ReadonlySet<FormKind>,
): Promise<Form[]> {
  const forms: Form[] = [];
  if (kinds.has('runtime')) forms.push(...(await runtimeForms(network)));
  if (kinds.has('c')) forms.push(traced('C, sanitized', network, tracedProgram(network, { sanitized: true })));
  for (const name of boardNames) {
    const board = boards[name];
    if (kinds.has(name) && hasRoom(board, network)) {
      forms.push(traced(`C, ${name}`, network, tracedProgram(network, { board })));
    }
  }
  if (kinds.has('onnx')) forms.push(...(await onnxForms(network)));
  if (kinds.has('reference')) forms.push(referenceForm(network, reference));
  return forms;
}

export function sumOf(a: Differences, b: Differences): Differences {
  const sum = (x: Share, y: Share): Share => ({ different: x.different + y.different, all: x.all + y.all });
  const images = a.images + b.images;
  return { activations: sum(a.activations, b.activations), logits: sum(a.logits, b.logits), images };
}

const none: Share = { different: 0, all: 0 };
export const noDifferences: Differences = { activations: none, logits: none, images: 0 };

/** Counts pairs of numbers that are not the same. */
class Counter {
  #different = 0;
  #all = 0;

  compare(values: ArrayLike<number>, wanted: ArrayLike<number>): void {
    for (let i = 0; i < wanted.length; i++) if (values[i] !== wanted[i]) this.#different++;
    this.#all += wanted.length;
  }

  get share(): Share {
    return { different: this.#different, all: this.#all };
  }
}

/** Logits, and the classes that they say. */
function withClasses(logits: ArrayLike<number>, network: IntegerNetwork): number[] {
  return [...Array.from(logits), ...classesOf(logits, network)];
}

/** The class of every pixel that has logits, or of the image. */
function classesOf(logits: ArrayLike<number>, network: IntegerNetwork): Int32Array {
  return predictionsOf(logits, outputsOf(network).classes);
}

async function runtimeForms(network: IntegerNetwork): Promise<Form[]> {
  const packed = packNetwork(network);
  const forms: Form[] = [];
  for (const kernels of usableKinds()) {
    const deployed = await load(packed, { kernels });
    const compare = async (expected: readonly Expected[]) => {
      const [activations, logits] = [new Counter(), new Counter()];
      for (const each of expected) {
        const got = deployed.trace(each.image, ({ name }, values) =>
          activations.compare(values, each.activations.get(name)!),
        );
        logits.compare(withClasses(got, network), withClasses(each.logits, network));
      }
      return { activations: activations.share, logits: logits.share, images: 0 };
    };
    forms.push({ name: `runtime, ${kernels}`, compare, close: async () => {} });
  }
  return forms;
}

function traced(name: string, network: IntegerNetwork, program: TracedProgram): Form {
  const tensors = storedTensors(network);
  return {
    name,
    compare: async (expected) => {
      const logits = new Counter();
      const activations = { different: 0, all: 0 };
      for (const [index, got] of program.run(expected.map(({ image }) => image)).entries()) {
        const each = expected[index]!;
        for (const tensor of tensors) {
          const values = each.activations.get(tensor.name)!;
          activations.all += values.length;
          // Whole tensors are compared; where one differs all of it counts.
          const isEqual = got.activations.get(tensor)!.equals(storedBytes(network, tensor, values));
          if (!isEqual) activations.different += values.length;
        }
        logits.compare([...got.logits, ...got.predictions], withClasses(each.logits, network));
      }
      return { activations, logits: logits.share, images: 0 };
    },
    close: async () => program.close(),
  };
}

/** A model as it is run: an image to outputs by name. */
type Run = (image: Uint8Array) => Promise<Readonly<Record<string, { readonly data: unknown }>>>;

async function onnxForms(network: IntegerNetwork): Promise<Form[]> {
  web.env.wasm.numThreads = 1;
  const forms: Form[] = [];
  for (const packed of [false, true]) {
    const model = exactModel(network, { packed, metadata: {} });
    const withActivations = exactModel(network, { packed, metadata: {}, activations: true });
    const form = `exact ONNX${packed ? ', packed' : ''}`;
    for (const graphOptimizationLevel of ['disabled', 'basic', 'all'] as const) {
      const options = { graphOptimizationLevel, intraOpNumThreads: 1 };
      const sessions = await Promise.all(
        [model, withActivations].map((bytes) => native.InferenceSession.create(bytes, options)),
      );
      forms.push(onnxForm(`${form}, onnxruntime, ${graphOptimizationLevel}`, network, native, sessions));
    }
    const options = { executionProviders: ['wasm'], logSeverityLevel: 3 } as const;
    const sessions = [
      await web.InferenceSession.create(model, options),
      await web.InferenceSession.create(withActivations, options),
    ];
    forms.push(onnxForm(`${form}, onnxruntime-web`, network, web, sessions));
  }
  return forms;
}

const ordered = new WeakMap<Expected, Map<IntegerTensor, Int32Array>>();

/** Expected values of a tensor of an image, [C, H, W], reordered once for all forms. */
function inOnnxOrder(expected: Expected, tensor: IntegerTensor): Int32Array {
  const ofImage = ordered.get(expected) ?? new Map<IntegerTensor, Int32Array>();
  ordered.set(expected, ofImage);
  const known = ofImage.get(tensor) ?? channelsFirst(expected.activations.get(tensor.name)!, tensor.shape[2]!);
  ofImage.set(tensor, known);
  return known;
}

/** Logits of the model that ships, and activations of one that puts them out. */
function onnxForm(
  name: string,
  network: IntegerNetwork,
  { Tensor }: typeof native | typeof web,
  sessions: readonly (native.InferenceSession | web.InferenceSession)[],
): Form {
  const [height, width, channels] = inputOf(network).output.shape as [number, number, number];
  const { classes } = outputsOf(network);
  const [shipped, traced] = sessions.map(
    (session): Run =>
      (image) => {
        const tensor = new Tensor('uint8', channelsFirst(image, channels), [1, channels, height, width]);
        return session.run({ image: tensor as never });
      },
  ) as [Run, Run];
  const rounded = network.layers.flatMap((layer) => (layer.op === 'convolution' ? [layer.output] : []));
  return {
    name,
    compare: async (expected) => {
      const [activations, logits] = [new Counter(), new Counter()];
      for (const each of expected) {
        const { data } = (await shipped(each.image)).logits!;
        logits.compare(Array.from(data as Iterable<number | bigint>, Number), channelsFirst(each.logits, classes));
        const outputs = await traced(each.image);
        for (const tensor of rounded) {
          activations.compare(outputs[tensor.name]!.data as Float32Array, inOnnxOrder(each, tensor));
        }
      }
      return { activations: activations.share, logits: logits.share, images: 0 };
    },
    close: async () => {
      for (const session of sessions) await session.release();
    },
  };
}

/** The network before it was lowered, whose numbers are the integers times the steps that these stand for. */
function referenceForm(network: IntegerNetwork, reference: Reference): Form {
  const outputs = outputsOf(network);
  const rounded = network.layers.filter((layer): layer is ConvolutionLayer => layer.op === 'convolution');
  return {
    name: 'float64 reference',
    compare: async (expected) => {
      const [activations, logits] = [new Counter(), new Counter()];
      let images = 0;
      for (const each of expected) {
        const got = await reference(each.image);
        const differs = rounded.some(({ proof, output: { name, step } }) => {
          const values = got.activations.get(name);
          if (!values) throw new Error(`${name}: the reference has no such activation`);
          const wanted = Array.from(each.activations.get(name)!, (integer) => integer * step);
          const isDefined = proof.type === 'definition' && wanted.some((value, index) => value !== values[index]);
          if (!isDefined) activations.compare(values, wanted);
          return isDefined;
        });
        if (differs) {
          images++;
          continue;
        }
        const wanted = each.logits.map((logit) => logit * outputs.unit);
        const isRounded = outputs.layer.op === 'outputs' && outputs.layer.proof.type === 'definition';
        if (isRounded) logits.compare(classesOf(got.logits, network), classesOf(wanted, network));
        else logits.compare(withClasses(got.logits, network), withClasses(wanted, network));
      }
      return { activations: activations.share, logits: logits.share, images };
    },
    close: async () => {},
  };
}
