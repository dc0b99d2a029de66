/** Random integer networks: every kind of layer, odd sizes, all grids, widths at their limits. */

import { createRandom } from '../../src/data/random.js';
import { elementCount } from '../../src/elementCount.js';
import { extentOf, type SizedAxisWindow, sizedWindow, slidingWindow, type Window } from '../../src/ops/window.js';
import { boundedClassifier, boundedOutputs, boundedProduct } from '../../src/ship/bounds.js';
import {
  type ConvolutionLayer,
  codeBits,
  type Grid,
  type IntegerLayer,
  type IntegerNetwork,
  type IntegerTensor,
  type IntegerWeights,
  integersOf,
  leastOf,
  type OutputLayer,
  type Product,
  pixelWindow,
} from '../../src/ship/integerNetwork.js';

const grids: readonly Grid[] = [
  { type: 'uniform', lo: 0, hi: 15 },
  { type: 'uniform', lo: 0, hi: 1 },
  { type: 'uniform', lo: 0, hi: 200 },
  { type: 'uniform', lo: -5, hi: 5 },
  { type: 'uniform', lo: -127, hi: 127 },
  { type: 'powers', signed: false, hi: 32 },
  { type: 'powers', signed: true, hi: 8 },
  { type: 'powers', signed: false, hi: 32768 },
];
const weightGrids: readonly Grid[] = [
  { type: 'uniform', lo: -1, hi: 1 },
  { type: 'uniform', lo: -3, hi: 3 },
  { type: 'uniform', lo: -7, hi: 7 },
  { type: 'uniform', lo: -127, hi: 127 },
  { type: 'powers', signed: true, hi: 4 },
  { type: 'powers', signed: true, hi: 32768 },
];

interface SidedWindow {
  readonly sides: readonly number[];
  readonly window: Window;
  readonly outputs: readonly number[];
}

/** A network of random layers and images for it. */
export function randomNetwork(seed: number): { network: IntegerNetwork; images: Uint8Array[] } {
  const { uniform } = createRandom(seed);
  const below = (count: number) => Math.floor(count * uniform());
  const oneOf = <T>(items: readonly T[]) => items[below(items.length)]!;
  const layers: IntegerLayer[] = [];
  let count = 0;

  const tensor = (shape: readonly number[], grid: Grid, bits = codeBits(grid)): IntegerTensor => {
    count += 1;
    return { name: `t${count}`, shape, grid, step: 1, bits, usedChannels: shape.at(-1)! };
  };
  const weights = (shape: readonly number[], grid: Grid, extraBits = 0): IntegerWeights => {
    count += 1;
    const integers = integersOf(grid);
    const length = elementCount(shape);
    const values = Int32Array.from({ length }, () => oneOf(integers));
    const bits = codeBits(grid) + extraBits;
    return { name: `w${count}`, shape, values, grid, step: 1, channelExponents: null, bits };
  };
  const product = (input: IntegerTensor, channels: number, { sides, window }: SidedWindow): Product => {
    const inputs = input.shape[2]!;
    const depthwise = inputs === channels && uniform() < 0.3;
    const groups = !depthwise && inputs % 2 === 0 && channels % 2 === 0 && uniform() < 0.5 ? 2 : 1;
    const shape = depthwise ? [...sides, channels] : [...sides, inputs / groups, channels];
    // Sums have to fit 31 bits.
    const smallWeights = input.grid.hi > 1000 ? weightGrids.slice(0, 2) : weightGrids;
    const w = weights(shape, oneOf(smallWeights), below(2));
    return boundedProduct({ input, weights: w, factor: null, depthwise, groups, window });
  };
  /** A window for images of these sides: with results of the same sides, or any. */
  const sidedWindow = (images: readonly number[], keepsSize: boolean): SidedWindow => {
    const axis = (length: number) => {
      const size = keepsSize ? oneOf([1, 3, 5]) : oneOf([1, 2, 3, 5]);
      const dilation = length < 7 ? 1 : 1 + below(2);
      const extent = extentOf(size, dilation);
      const before = keepsSize ? (extent - 1) / 2 : below(Math.min(size, 4));
      return { size, stride: keepsSize ? 1 : 1 + below(2), before, after: before, dilation };
    };
    const rows = axis(images[0]!);
    const columns = axis(images[1]!);
    if (!keepsSize) columns.after = below(4);
    const sides = [rows.size, columns.size];
    const window = { rows: withoutSize(rows), columns: withoutSize(columns) };
    const [H, W, K, L] = [...images, ...sides] as [number, number, number, number];
    const { Y, X } = slidingWindow.sizes({ H, W, K, L }, window);
    return Math.min(Y, X) < 1 ? sidedWindow(images, keepsSize) : { sides, window, outputs: [Y, X] };
  };
  /** Random products, added, with an addend of the same shape where one is there. */
  const convolution = (inputs: readonly IntegerTensor[], addends: readonly IntegerTensor[]): IntegerTensor => {
    const [first] = inputs;
    const addend = addends[0] ?? null;
    const sided = sidedWindow(first!.shape.slice(0, 2), addend !== null);
    const channels = addend ? addend.shape[2]! : oneOf([1, 3, 4, 7, first!.shape[2]!]);
    const products = inputs.map((input) => product(input, channels, sided));
    const output = tensor([...sided.outputs, channels], oneOf(grids));
    layers.push(requantized(products, addend, output));
    return output;
  };
  const requantized = (
    products: readonly Product[],
    addend: IntegerTensor | null,
    output: IntegerTensor,
  ): ConvolutionLayer => {
    const channels = output.shape[2]!;
    const isWide = uniform() < 0.5;
    const magnitude = isWide ? 2 ** 30 : 2 ** 6;
    const channelNumbers = <T>(make: () => T) => Array.from({ length: channels }, make);
    const multipliers = products.map(() => Int32Array.from(channelNumbers(() => below(2 * magnitude) - magnitude)));
    const largest = Math.max(1, ...products.flatMap(({ lo, hi }) => [...hi, ...lo.map((each) => -each)]));
    const spread = largest * magnitude;
    const shift = Math.max(0, Math.ceil(Math.log2(spread / (4 * (output.grid.hi + 1)))));
    const biases = BigInt64Array.from(channelNumbers(() => BigInt(Math.floor((uniform() - 0.5) * (spread / 8)))));
    const integers = integersOf(output.grid);
    // The values of a function rise and fall.
    const fits = !addend || addend.grid.hi * 2 ** (shift + 1) < 2 ** 60;
    const isFunction = output.grid.type === 'uniform' && fits && uniform() < 0.3;
    const values = isFunction ? Array.from({ length: 2 + below(400) }, () => oneOf(integers)) : integers;
    const steps = values.slice(1);
    const threshold = (i: number) => BigInt(Math.floor((spread / 4) * ((i + 1) / steps.length - 0.5)));
    const table =
      isFunction || output.grid.type === 'powers'
        ? { thresholds: BigInt64Array.from(steps, (_, i) => threshold(i)), values: Int32Array.from(values) }
        : null;
    const shifts = Uint8Array.from(channelNumbers(() => (table ? shift : Math.max(0, shift - below(2)))));
    return {
      ...{ op: 'convolution', name: output.name, products, addend, output },
      requantization: { multipliers, biases, shifts, table, addendShift: below(2), outputShift: below(3) },
      proof: { type: 'definition', reason: 'random' },
    };
  };

  const image = tensor([9 + below(4), 7 + below(5), oneOf([1, 3])], { type: 'uniform', lo: -128, hi: 127 }, 8);
  const offsets = Array.from({ length: image.shape[2]! }, () => 128);
  layers.push({ op: 'input', name: 'images', scale: 1, offsets, quantization: null, output: image });
  const first = convolution([seed % 2 === 0 ? image : converted(image)], []);
  const second = convolution([first], [first]);
  const third = convolution([second, second], [second]);
  const pooled = maxPool(third);
  const widened = subsample(pooled);
  const fourth = shortcutConvolution(pooled, widened);
  const turned = reversed(fourth);
  const scaled = converted(turned, pixelOf(turned));
  const last = convolution([scaled], [turned]);
  const images = [0, 1, 2].map((index) =>
    Uint8Array.from({ length: elementCount(image.shape) }, () => [0, 255, below(256)][index]!),
  );
  const classes = ['a', 'b "quoted"', '\\??/', 'Käse', 'e'];
  if (seed % 3 === 2) layers.push(maps(last, converted(last)));
  else layers.push(...classifier(last));
  return { network: { layers, classes, loss: 'classes' }, images };

  /** The mean over all pixels, and a fully connected layer. */
  function classifier(last: IntegerTensor): IntegerLayer[] {
    const pixels = last.shape[0]! * last.shape[1]!;
    const sums: Grid = { type: 'uniform', lo: leastOf(last.grid) * pixels, hi: last.grid.hi * pixels };
    const sum = tensor([last.shape[2]!], sums, 32);
    const small = weightGrids.filter(({ hi }) => hi < 1000);
    return [
      { op: 'sumPool', name: sum.name, input: last, output: sum },
      boundedClassifier({
        ...{
          op: 'classifier',
          name: 'logits',
          input: sum,
          weights: weights([last.shape[2]!, classes.length], oneOf(small)),
        },
        bias: weights([classes.length], oneOf(small)),
        shifts: Uint8Array.from(classes, () => below(4)),
        biasFactor: pixels,
        ...{ biasShift: below(24), unit: 1 },
      }),
    ];
  }

  /** Logits of every pixel, of one product or two. */
  function maps(last: IntegerTensor, other: IntegerTensor): OutputLayer {
    const sided = sidedWindow(last.shape.slice(0, 2), true);
    const products = [last, ...(uniform() < 0.5 ? [other] : [])].map((input) => product(input, classes.length, sided));
    const multiplier = () => below(2 ** 16) - 2 ** 15;
    const requantization = {
      multipliers: products.map(() => Int32Array.from(classes, multiplier)),
      biases: BigInt64Array.from(classes, () => BigInt(multiplier())),
      shifts: new Uint8Array(classes.length),
      ...{ addendShift: 0, outputShift: 0, table: null },
    };
    return boundedOutputs(
      { name: 'logits', products, addend: null, requantization, proof: { type: 'exact' } },
      [...sided.outputs, classes.length],
      1,
    );
  }

  /** The channels from the last to the first, and the first once more. */
  function reversed(input: IntegerTensor): IntegerTensor {
    const channels = input.shape[2]!;
    const output = tensor([...input.shape.slice(0, 2), channels + 1], input.grid, input.bits);
    const sources = Array.from({ length: channels }, (_, c) => ({ input: 0, channel: channels - 1 - c }));
    sources.push({ input: 0, channel: 0 });
    layers.push({ op: 'arrange', name: output.name, inputs: [input], shifts: [0], sources, output });
    return output;
  }

  /** Each element by itself through a quantizer, or times a number of its channel: weights of 1 that take no bits. */
  function converted(input: IntegerTensor, factor: IntegerTensor | null = null): IntegerTensor {
    const channels = input.shape[2]!;
    const ones: IntegerWeights = {
      ...{ name: '', shape: [1, 1, channels], values: new Int32Array(channels).fill(1), step: 1 },
      ...{ grid: { type: 'uniform', lo: 0, hi: 1 }, channelExponents: null, bits: 0 },
    };
    const output = tensor(input.shape, oneOf(grids));
    const single = boundedProduct({ input, weights: ones, factor, depthwise: true, groups: 1, window: pixelWindow });
    layers.push(requantized([single], null, output));
    return output;
  }

  /** One pixel with the channels of a tensor: its sums with a window that takes all of it. */
  function pixelOf(input: IntegerTensor): IntegerTensor {
    const sides = input.shape.slice(0, 2);
    const output = tensor([1, 1, input.shape[2]!], oneOf(grids.filter(({ hi }) => hi <= 1000)));
    const whole = { sides, window: pixelWindow, outputs: [1, 1] };
    layers.push(requantized([product(input, input.shape[2]!, whole)], null, output));
    return output;
  }

  function maxPool(input: IntegerTensor): IntegerTensor {
    const [height, width, channels] = input.shape as [number, number, number];
    const axis = () => ({ size: 3, stride: 2, before: below(2), after: below(2), dilation: 1 });
    const window = { rows: axis(), columns: axis() };
    const { Y, X } = sizedWindow.sizes({ H: height, W: width }, window);
    if (Math.min(Y, X) < 1) return input;
    const output = tensor([Y, X, channels], input.grid);
    layers.push({ op: 'maxPool', name: output.name, window, input, output });
    return output;
  }

  /** Every second pixel with two channels more. */
  function subsample(input: IntegerTensor): IntegerTensor {
    const [height, width, channels] = input.shape as [number, number, number];
    const output: IntegerTensor = {
      ...tensor([Math.ceil(height / 2), Math.ceil(width / 2), channels + 2], input.grid),
      usedChannels: channels,
    };
    layers.push({ op: 'subsample', name: output.name, stride: 2, input, output });
    return output;
  }

  function shortcutConvolution(input: IntegerTensor, addend: IntegerTensor): IntegerTensor {
    const output = tensor(addend.shape, oneOf(grids));
    const axis = { stride: 2, before: 1, after: 1, dilation: 1 };
    const sided = { sides: [3, 3], window: { rows: axis, columns: axis }, outputs: addend.shape.slice(0, 2) };
    layers.push(requantized([product(input, addend.shape[2]!, sided)], addend, output));
    return output;
  }
}

/** A random network whose logits are all the same. */
export function tiedNetwork(): ReturnType<typeof randomNetwork> {
  const { network, images } = randomNetwork(3);
  const layers = network.layers.map((layer) => {
    if (layer.op !== 'classifier') return layer;
    const outputs = layer.weights.shape[1]!;
    const firstOf = (values: Int32Array) => values.map((_, index) => values[index - (index % outputs)]!);
    const tied = (weights: IntegerWeights) => ({ ...weights, values: firstOf(weights.values) });
    return boundedClassifier({
      ...{ ...layer, weights: tied(layer.weights), bias: tied(layer.bias) },
      shifts: layer.shifts.map(() => 1),
    });
  });
  return { network: { ...network, layers }, images };
}

function withoutSize({ size: _, ...axis }: SizedAxisWindow) {
  return axis;
}
