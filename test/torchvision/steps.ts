/** One pass through a network on the reference engine against torchvision's own, both in float64. */

import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import { elementCount } from '../../src/graph/index.js';
import { STORAGE, storedShape, toStored } from '../../src/nn/index.js';
import { openSession } from '../../src/program/session.js';
import { buildTrainingProgram, type TrainingProgram } from '../../src/program/trainingProgram.js';
import { experimentFromSettings } from '../../src/settings/index.js';
import { programOptions } from '../../src/train/programOptions.js';
import { mulberry32 } from '../mulberry32.js';

interface Step {
  readonly model: string;
  readonly width: number;
  readonly classes: number;
  readonly batch: number;
  readonly side: number;
  readonly loss: number;
  readonly logits: readonly number[];
  /** Running moments after the pass. */
  readonly evaluated: readonly number[];
  /** Norm, and product with cos(0), cos(1), …, which tells permutations apart. */
  readonly gradients: Readonly<Record<string, readonly [norm: number, product: number]>>;
}

const steps = JSON.parse(readFileSync(new URL('step.json', import.meta.url), 'utf8')) as Step[];

/** Parameters are seeded in the order of their names, as in step.py. */
function uniform(seed: number, count: number, center: number, halfWidth: number): Float64Array {
  const random = mulberry32(seed);
  return Float64Array.from({ length: count }, () => center + halfWidth * (2 * random() - 1));
}

function start(seed: number, shape: readonly number[]): Float64Array {
  const count = elementCount(shape);
  return shape.length === 1
    ? uniform(seed, count, 1, 0.5)
    : uniform(seed, count, 0, Math.sqrt(3 / elementCount(shape.slice(1))));
}

function program({ model, width, classes, batch, side, gradients }: Step): TrainingProgram {
  const settings = { model, width_multiplier: width, batch_size: batch };
  const data = { classes, imageShape: [side, side, 3] as const, trainImages: batch, evaluationImages: batch };
  const options = programOptions(experimentFromSettings('step', 'test', settings), data, null);
  const batches = { ...options, train: { type: 'batch' }, evaluation: { type: 'batch' } } as const;
  const shapes = new Map(
    buildTrainingProgram(batches).variables.parameters.map(({ name, shape, layout }) => [
      name,
      storedShape(shape, layout),
    ]),
  );
  const names = Object.keys(gradients);
  expect([...shapes.keys()].sort()).toEqual([...names].sort());
  const get = (name: string) => {
    const shape = shapes.get(name);
    return shape && { shape, values: start(names.indexOf(name), shape) };
  };
  return buildTrainingProgram({ ...batches, starting: { source: 'step.py', get } });
}

/** Steps by the name of their model, `mobilenetv2` or `resnet18`. */
export async function expectTorchvisionsNumbers(model: string): Promise<void> {
  const step = steps.find((each) => each.model === model)!;
  const training = program(step);
  const { program: loaded } = await openSession(createReferenceEngine(), training);
  loaded.write(STORAGE.batchImages, uniform(1000, step.batch * step.side ** 2 * 3, 0, 1));
  loaded.write(
    STORAGE.batchLabels,
    Int32Array.from({ length: step.batch }, (_, i) => i % step.classes),
  );
  await loaded.run('train');
  expect((await loaded.read(STORAGE.loss))[0]).toBeCloseTo(step.loss, 9);
  (await loaded.read(STORAGE.logits)).forEach((logit, i) => {
    expect(logit).toBeCloseTo(step.logits[i]!, 9);
  });
  const gradients = Float64Array.from(await loaded.read(STORAGE.gradients));
  for (const { name, shape, layout, view } of training.variables.parameters) {
    const own = toStored(gradients.slice(view.offset, view.offset + elementCount(shape)), shape, layout);
    const norm = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
    const product = own.reduce((sum, value, i) => sum + value * Math.cos(i), 0);
    const [rightNorm, rightProduct] = step.gradients[name]!;
    const tolerance = 1e-9 * Math.max(rightNorm, 1e-3);
    expect(Math.abs(norm - rightNorm), `norm of ${name}`).toBeLessThan(tolerance);
    expect(Math.abs(product - rightProduct), `product of ${name}`).toBeLessThan(tolerance);
  }
  await loaded.run('evaluate');
  (await loaded.read(STORAGE.logits)).forEach((logit, i) => {
    expect(logit).toBeCloseTo(step.evaluated[i]!, 9);
  });
}
