/** The float64 reference's quantized activations and logits, for comparison with integers. */

import { emptyImageSet } from '../../../src/data/imageSet.js';
import { createReferenceEngine } from '../../../src/engine/reference/index.js';
import { elementCount, type Storage } from '../../../src/graph/index.js';
import { STORAGE } from '../../../src/nn/index.js';
import { makePlan } from '../../../src/passes/index.js';
import { openSession } from '../../../src/program/session.js';
import type { TrainingProgram } from '../../../src/program/trainingProgram.js';

export interface ReferenceValues {
  /** By the name that the integer network's tensor has. */
  readonly activations: ReadonlyMap<string, ArrayLike<number>>;
  readonly logits: readonly number[];
}

/** @param image bytes [H, W, C] */
export type Reference = (image: Uint8Array) => Promise<ReferenceValues>;

/** The reference engine with a program for batches of one image; every quantized activation becomes a storage. */
export async function openReference(training: TrainingProgram): Promise<Reference> {
  const names = new Map<string, string>();
  const nodes = training.plan.phases.evaluate!;
  for (const node of nodes) {
    if (node.op !== 'batchNorm' && node.op !== 'activation') continue;
    if (node.attributes.activation?.type !== 'quantize') continue;
    const { y } = node.results;
    const name = training.activationNames.get(y.id);
    if (name === undefined) continue;
    const storage: Storage = { name: `activation ${name}`, dtype: 'float', length: elementCount(y.shape) };
    y.view = { storage, offset: 0 };
    names.set(name, storage.name);
  }
  const plan = makePlan({ evaluate: { nodes } as never });
  const session = await openSession(createReferenceEngine(), { ...training, plan });
  const { targetShape, imageShape } = training.options;
  const set = emptyImageSet(1, ...imageShape);
  const targets = targetShape && { values: new Int32Array(elementCount(targetShape)), shape: targetShape };
  return async (images) => {
    session.setEvaluationImages({ ...set, images, ...(targets && { targets }) });
    await session.evaluate();
    const logits = Array.from(await session.program.read(STORAGE.logits));
    const activations = new Map<string, ArrayLike<number>>();
    for (const [name, storage] of names) activations.set(name, await session.program.read(storage));
    return { activations, logits };
  };
}
