/** Gradients of parameters that are tied, shared or siblings, against differences of the loss, and on the CPU. */

import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../test/mulberry32.js';
import { selectEngine } from '../engine/selectEngine.js';
import { Graph, type Storage, type Tensor } from '../graph/index.js';
import { activation } from '../ops/activation.js';
import { add } from '../ops/add.js';
import { averagePool } from '../ops/averagePool.js';
import { bias } from '../ops/bias.js';
import { concat } from '../ops/concat.js';
import { conv2d } from '../ops/convolution.js';
import { flatten, unflatten } from '../ops/flatten.js';
import { globalAveragePool } from '../ops/globalAveragePool.js';
import { groupedConv2d } from '../ops/groupedConvolution.js';
import { linear } from '../ops/linear.js';
import { multiplyChannels } from '../ops/multiplyChannels.js';
import { scale } from '../ops/scale.js';
import { shuffleChannels } from '../ops/shuffleChannels.js';
import { slice } from '../ops/slice.js';
import { softmaxCrossEntropy } from '../ops/softmaxCrossEntropy.js';
import { appendGradients, makePlan } from './index.js';

const LENGTH = 256;
const storage = (name: string, length = LENGTH, dtype: Storage['dtype'] = 'float'): Storage => ({
  name,
  dtype,
  length,
});

/** A network: from a batch of images [2,4,4,3] to logits [2,3]. */
type Build = (graph: Graph, x: Tensor, parameter: (offset: number, ...shape: number[]) => Tensor) => Tensor;

async function program(device: 'reference' | 'cpu', build: Build) {
  const graph = new Graph();
  const [parameters, gradients, sums] = [storage('parameters'), storage('gradients'), storage('sums', 4)];
  const parameter = (offset: number, ...shape: number[]) =>
    graph.tensor(`parameter ${offset}`, shape, { storage: parameters, offset });
  const logits = build(graph, graph.whole(storage('x', 96), [2, 4, 4, 3]), parameter);
  const labels = graph.whole(storage('labels', 2, 'int32'));
  const loss = softmaxCrossEntropy(graph, logits, labels, { storage: storage('loss', 2), offset: 0 });
  appendGradients(graph, loss, { parameters, gradients }, graph.whole(sums, [2, 2]));
  const engine = await selectEngine(device, { threads: 1 });
  const loaded = await engine.load(makePlan({ step: graph }));
  const random = mulberry32(3);
  loaded.write(
    'x',
    Float32Array.from({ length: 96 }, () => random() - 0.5),
  );
  loaded.write('labels', [1, 2]);
  return async (values: Float32Array) => {
    loaded.write('parameters', values);
    await loaded.run('step');
    return { loss: (await loaded.read('loss'))[0]!, gradients: await loaded.read('gradients') };
  };
}

const window = { padding: 1 };
const relu = (graph: Graph, x: Tensor) => activation(graph, x, x, { type: 'relu' });
const convolved = (graph: Graph, x: Tensor, w: Tensor) => conv2d(graph, x, w, window, false).y;

const networks: Readonly<Record<string, Build>> = {
  'a sum of two parameters': (graph, x, parameter) =>
    add(graph, globalAveragePool(graph, x), add(graph, parameter(0, 2, 3), parameter(16, 2, 3))),
  'a parameter added to itself': (graph, x, parameter) => {
    const p = parameter(0, 2, 3);
    return add(graph, globalAveragePool(graph, x), add(graph, p, p));
  },
  'a filter that two layers share': (graph, x, parameter) => {
    const w = parameter(0, 3, 3, 3, 3);
    return globalAveragePool(graph, convolved(graph, relu(graph, convolved(graph, x, w)), w));
  },
  'a filter that is asked for twice': (graph, x, parameter) => {
    const first = relu(graph, convolved(graph, x, parameter(0, 3, 3, 3, 3)));
    return globalAveragePool(graph, convolved(graph, first, parameter(0, 3, 3, 3, 3)));
  },
  'a sum of a parameter behind a convolution, whose other operand has a later reader': (graph, x, parameter) => {
    const u = relu(graph, convolved(graph, x, parameter(0, 3, 3, 3, 3)));
    const s = add(graph, u, parameter(96, 2, 4, 4, 3));
    const t = convolved(graph, s, parameter(192, 1, 1, 3, 3));
    const pooled = averagePool(graph, u, { size: 3, stride: 2, padding: 0 });
    return add(graph, globalAveragePool(graph, t), scale(graph, globalAveragePool(graph, pooled), parameter(224, 1)));
  },
  'channels that are biased, squeezed, sliced, shuffled and put side by side': (graph, x, parameter) => {
    const u = bias(graph, convolved(graph, x, parameter(0, 3, 3, 3, 4)), parameter(108, 4));
    const squeezed = multiplyChannels(graph, u, globalAveragePool(graph, u));
    const both = concat(graph, [slice(graph, squeezed, 1, 3), slice(graph, u, 0, 2), slice(graph, u, 3, 1)]);
    const pooled = averagePool(graph, shuffleChannels(graph, both, 2), { size: 2, stride: 2 });
    const features = flatten(graph, unflatten(graph, flatten(graph, pooled), [6, 4, 1]));
    return linear(graph, features, parameter(128, 24, 3), parameter(200, 3));
  },
  'groups of channels': (graph, x, parameter) => {
    const u = conv2d(graph, x, parameter(0, 2, 2, 3, 4), { stride: [2, 1] }, false).y;
    const { y } = groupedConv2d(graph, u, parameter(48, 2, 3, 2, 6), { groups: 2 }, false);
    return linear(graph, globalAveragePool(graph, y), parameter(128, 6, 3), parameter(200, 3));
  },
};

describe.each(Object.entries(networks))('the gradients of %s', (_name, build) => {
  it('are differences of the loss, and the same on the CPU', async () => {
    const random = mulberry32(11);
    const values = Float32Array.from({ length: LENGTH }, () => random() - 0.5);
    const step = await program('reference', build);
    const { gradients } = await step(values);
    const moved = async (i: number, by: number) => (await step(values.map((v, j) => (i === j ? v + by : v)))).loss;
    const differences: number[] = [];
    for (let i = 0; i < LENGTH; i++)
      differences.push(((await moved(i, 2 ** -10)) - (await moved(i, -(2 ** -10)))) * 2 ** 9);
    expect(Math.max(...differences.map(Math.abs))).toBeGreaterThan(0.01);
    differences.forEach((difference, i) => {
      expect(gradients[i], `element ${i}`).toBeCloseTo(difference, 5);
    });
    const measured = (await (await program('cpu', build))(values)).gradients;
    measured.forEach((value, i) => {
      expect(value, `element ${i}`).toBeCloseTo(gradients[i]!, 6);
    });
  });
});

describe('the sums of quantizers', () => {
  it('add up where one quantizer handles two tensors', async () => {
    const sumsOf = async (rows: readonly [number, number]) => {
      const graph = new Graph();
      const ranges = graph.whole(storage('ranges', 4), [2, 2]);
      const x = graph.whole(storage('x', 6), [2, 3]);
      const quantized = rows.map((row) =>
        activation(graph, x, ranges, { type: 'quantize', row, core: 'uniform', signed: true }),
      );
      const logits = add(graph, quantized[0]!, scale(graph, quantized[1]!, graph.whole(storage('factor', 1))));
      const labels = graph.whole(storage('labels', 2, 'int32'));
      const loss = softmaxCrossEntropy(graph, logits, labels, { storage: storage('loss', 2), offset: 0 });
      const places = { parameters: storage('parameters'), gradients: storage('gradients') };
      appendGradients(graph, loss, places, graph.whole(storage('sums', 4), [2, 2]));
      const loaded = await (await selectEngine('reference', {})).load(makePlan({ step: graph }));
      loaded.write('ranges', [0.25, 0.75, 0.25, 0.75]);
      loaded.write('x', [0.3, -2, 0.1, 5, 0.6, -0.4]);
      loaded.write('factor', [0.5]);
      loaded.write('labels', [1, 2]);
      await loaded.run('step');
      return [...(await loaded.read('sums'))];
    };
    const [a0, a1, b0, b1] = await sumsOf([0, 1]);
    const [both0, both1] = await sumsOf([0, 0]);
    expect(a1 !== 0 && b1 !== 0).toBe(true);
    expect(both0).toBeCloseTo(a0! + b0!, 12);
    expect(both1).toBeCloseTo(a1! + b1!, 12);
  });
});

describe('what cannot be differentiated', () => {
  const losing = (build: Build) => program('reference', build);

  it('is refused where a parameter stands behind it', async () => {
    const build: Build = (graph, _x, parameter) => {
      const dx = graph.tensor('dx', [2, 3]);
      graph.append('linearInputGradient', { dy: parameter(0, 2, 2), w: parameter(16, 3, 2) }, { dx }, {});
      return dx;
    };
    await expect(losing(build)).rejects.toThrow(
      'linearInputGradient dx stands between parameters and the loss, but linearInputGradient has no gradient',
    );
  });

  it('is refused where two parameters overlap in part', async () => {
    await expect(losing((graph, _x, parameter) => add(graph, parameter(0, 2, 3), parameter(4, 2, 3)))).rejects.toThrow(
      'parameter 4 overlaps another parameter in part',
    );
  });
});
