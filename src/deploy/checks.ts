/**
 * Checks every form of an integer network that can run here against the interpreter, by counting different activations
 * and logits.
 */

import { load } from '../runtime/index.js';
import { type IntegerNetwork, outputsOf } from '../ship/integerNetwork.js';
import { runIntegers } from '../ship/interpreter.js';
import { channelsFirst } from '../ship/onnx/channelsFirst.js';
import { openOnnx } from './onnxSession.js';

export interface CheckResult {
  readonly activations: number;
  readonly logits: number;
  readonly images: number;
}

/** The interpreter's results for an image, which every other form has to equal. */
export interface Expected {
  readonly image: Uint8Array;
  /** Stored tensors, by name. */
  readonly activations: ReadonlyMap<string, Int32Array>;
  readonly logits: readonly number[];
}

type OnProgress = (done: number, total: number) => void;

export function expectedResults(
  network: IntegerNetwork,
  images: readonly Uint8Array[],
  onProgress?: OnProgress,
): Expected[] {
  return images.map((image, index) => {
    const activations = new Map<string, Int32Array>();
    const logits = [...runIntegers(network, image, ({ name }, values) => activations.set(name, values))];
    onProgress?.(index + 1, images.length);
    return { image, activations, logits };
  });
}

/** The packed file, opened by the published runtime, with each kind of kernels in turn. */
export async function checkRuntime(
  packed: Uint8Array,
  expected: readonly Expected[],
  onProgress?: OnProgress,
): Promise<Record<string, CheckResult>> {
  const results: Record<string, CheckResult> = {};
  const fastest = await load(packed);
  const kinds = new Set([fastest.kernels, 'simd', 'plain'] as const);
  let done = 0;
  for (const kernels of kinds) {
    const deployed = await load(packed, { kernels });
    let [activations, logits] = [0, 0];
    for (const { image, activations: wanted, logits: own } of expected) {
      const got = deployed.trace(image, ({ name }, values) => {
        activations += differences(values, wanted.get(name)!);
      });
      logits += differences(got, own);
      onProgress?.(++done, kinds.size * expected.length);
    }
    results[`runtime, ${kernels}`] = { activations, logits, images: expected.length };
  }
  return results;
}

/** An ONNX model in onnxruntime at three optimisation levels; null if onnxruntime-node is not installed. */
export async function checkOnnx(
  network: IntegerNetwork,
  model: Uint8Array,
  expected: readonly Expected[],
): Promise<Record<string, CheckResult> | null> {
  const { classes } = outputsOf(network);
  const results: Record<string, CheckResult> = {};
  for (const level of ['disabled', 'basic', 'all'] as const) {
    const session = await openOnnx(network, model, level);
    if (!session) return null;
    let logits = 0;
    for (const { image, logits: own } of expected) {
      const { data } = (await session.run(image)).logits!;
      logits += differences(Array.from(data as Iterable<number | bigint>, Number), channelsFirst(own, classes));
    }
    await session.close();
    results[`onnxruntime, ${level} optimisations`] = { activations: 0, logits, images: expected.length };
  }
  return results;
}

/** Number of places at which `a` does not have the values of `b`. */
export function differences(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let count = 0;
  for (let index = 0; index < b.length; index++) if (a[index] !== b[index]) count++;
  return count;
}
