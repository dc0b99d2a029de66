/** Peaks of activation memory worked out by hand. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../data/random.js';
import { elementCount, Graph } from '../graph/index.js';
import { activation } from '../ops/activation.js';
import { add } from '../ops/add.js';
import { conv2d } from '../ops/convolution.js';
import { maxPool } from '../ops/maxPool.js';
import { type TensorSet, wideLimitsOfM } from '../quant/index.js';
import { liveActivations } from './liveActivations.js';
import { buildModel, type ModelOptions } from './models/models.js';
import type { QuantizerSettings } from './quantizerSettings.js';
import { Variables } from './variables.js';

const bounds = { min: 2 ** -8, max: 64 };
const settings: QuantizerSettings = {
  kind: 'fp',
  bitwidth: 4,
  stepSize: 0.125,
  bounds: {
    bounds: { n: { min: 2, max: 8 }, m: wideLimitsOfM, d: bounds, xmin: bounds, xmax: bounds },
    accountingXmin: bounds,
  },
  recomputeRange: false,
  perChannel: false,
  shared: false,
};

function livesOf(model: Partial<ModelOptions>, size: number, activations = settings): TensorSet[] {
  const graph = new Graph();
  const images = graph.tensor('images', [2, size, size, 3]);
  const variables = new Variables(createRandom(1, 1));
  const ranges = graph.tensor('ranges', [99, 2]);
  const network = { graph, variables, training: false, ranges, weights: settings, activations };
  const options = {
    model: 'resnet20',
    classes: 10,
    shortcutType: '',
    scaleLayer: false,
    widthMultiplier: 1,
    ...model,
  } as const;
  return liveActivations(graph, images, buildModel(network, images, options));
}

/** kB with this many bits for every quantizer. */
const kbytes = ({ members, bits }: TensorSet, width: number) =>
  (members.reduce((sum, { count }) => sum + count * width, 0) + bits) / 8192;

describe('activations alive together', () => {
  it('in ResNet-20: a block holds its input, what lies within it, and its output', () => {
    const lives = livesOf({}, 32);
    // 19 convolutions with a nonlinearity each, the averages, the logits.
    expect(lives).toHaveLength(21);
    expect(kbytes(lives[0]!, 4)).toBe(3 + 8);
    expect(kbytes(lives[1]!, 4)).toBe(8 + 8);
    expect(kbytes(lives[2]!, 4)).toBe(8 + 8 + 8);
    expect(kbytes(lives[7]!, 4)).toBe(8 + 4);
    expect(kbytes(lives[8]!, 4)).toBe(8 + 4 + 4);
    expect(kbytes(lives[18]!, 4)).toBe(2 + 2 + 2);
    expect(kbytes(lives[19]!, 4)).toBe(2 + (64 * 4) / 1024);
    expect(kbytes(lives[20]!, 4)).toBe(((64 + 10) * 4) / 1024);
  });

  it('is the same with convolutions in the shortcuts: they are summed up with the other branch', () => {
    expect(livesOf({ shortcutType: 'b' }, 32).map((set) => kbytes(set, 3))).toEqual(
      livesOf({}, 32).map((set) => kbytes(set, 3)),
    );
  });

  it('counts 32 bits where nothing is quantized', () => {
    const lives = livesOf({}, 32, { ...settings, kind: null });
    expect(lives.every(({ members }) => members.length === 0)).toBe(true);
    expect(kbytes(lives[2]!, 0)).toBe(3 * 64);
  });

  it('in ResNet-18 at 224 pixels: the image and the first layer, whose width its maxima keep', () => {
    const lives = livesOf({ model: 'resnet18', classes: 1000 }, 224);
    expect(kbytes(lives[0]!, 4)).toBe(3 * 49 + 16 * 24.5);
    expect(lives[1]!.members).toEqual([
      { row: lives[0]!.members[0]!.row, count: 64 * 112 * 112 },
      { row: lives[0]!.members[0]!.row, count: 64 * 56 * 56 },
    ]);
  });

  it('keeps what a later layer reads, and stores what two read', () => {
    const graph = new Graph();
    const t = (name: string, shape: number[]) => graph.tensor(name, shape);
    const window = { stride: 1, padding: 0 };
    const x = t('images', [1, 2, 2, 1]);
    const conv = (input: typeof x, name: string) => conv2d(graph, input, t(name, [1, 1, 1, 1]), window, false).y;
    const ranges = t('ranges', [1, 2]);
    const a = activation(graph, conv(x, 'w1'), ranges, { type: 'quantize', row: 0, core: 'uniform', signed: false });
    const linear = conv(a, 'w2');
    const b = conv(linear, 'w3');
    const y = maxPool(graph, add(graph, b, linear), { size: 2, stride: 2, padding: 0 }, false);
    expect(elementCount(y.shape)).toBe(1);
    expect(liveActivations(graph, x, y)).toEqual([
      { members: [{ row: 0, count: 4 }], bits: 4 * 8 },
      { members: [{ row: 0, count: 4 }], bits: 4 * 32 },
      { members: [], bits: 2 * 4 * 32 },
      { members: [], bits: 4 * 32 + 32 },
    ]);
  });
});
