/** Networks of one's own: what a definition becomes, and what is wrong with one. */

import { describe, expect, it } from 'vitest';
import { createRandom } from '../data/random.js';
import { Graph } from '../graph/index.js';
import { readDefinition } from './definitionData.js';
import { layerFacts } from './layerFacts.js';
import { type Define, network } from './layers.js';
import { buildNetwork } from './networkBuilder.js';
import { type QuantizerSettings, unquantized } from './quantizerSettings.js';
import { Variables } from './variables.js';

const input = [8, 8, 3] as const;
const signed: QuantizerSettings = { ...unquantized, kind: 'fp', bitwidth: 4, stepSize: 0.125 };

/** Names of everything that is learned, and of the quantized outputs with a sign, in their order. */
function built(define: Define, linear: QuantizerSettings | null = null) {
  const graph = new Graph();
  const variables = new Variables(createRandom(1));
  const ranges = graph.tensor('ranges', [9, 2]);
  const parts = { weights: unquantized, activations: unquantized, linear };
  const context = { graph, variables, training: true, ranges, ...parts };
  const y = buildNetwork(context, graph.tensor('images', [2, ...input]), network({ input }, define));
  return {
    y,
    operations: graph.nodes.map(({ op }) => op),
    parameters: variables.parameters.map(({ name }) => name),
    signed: variables.tensors.flatMap(({ name, source, row }) => (source === 'linear' && row !== null ? [name] : [])),
  };
}

describe('network', () => {
  it('names layers by scope, kind and number, and what they learn by the layer', () => {
    const { y, parameters } = built((n, x) => {
      const stem = n.conv(x, 4);
      const deep = n.scope('block1', () => n.conv(n.depthwise(stem, { stride: 2 }), 8, { size: 1, name: 'wide' }));
      return n.linear(n.globalAverage(deep), 5);
    });
    const layers = ['conv1', 'block1/depthwise1', 'block1/wide'];
    const ofLayers = layers.flatMap((name) => [`${name}.weight`, `${name}.bn.bias`, `${name}.bn.weight`]);
    expect(parameters).toEqual([...ofLayers, 'linear1.weight', 'linear1.bias']);
    expect(y.shape).toEqual([2, 5]);
  });

  it('is data that builds the same network when it is read again', () => {
    const define: Define = (n, x) => n.linear(n.globalAverage(n.maxPool(n.conv(x, 4), { size: 2 })), 2);
    const definition = network({ input, names: 'dots' }, define);
    expect(JSON.parse(JSON.stringify(definition))).toEqual(definition);
    expect(definition.layers.map(({ name }) => name)).toEqual(['conv1', 'maxPool1', 'globalAverage1', 'linear1']);
    expect(definition).toMatchObject({ input, output: 'linear1', outputs: 2 });
  });

  it('tells values their shapes while it is written', () => {
    const shapes: (readonly number[])[] = [];
    network({ input }, (n, x) => {
      const wide = n.conv(x, 4, { stride: 2 });
      const pooled = n.averagePool(wide, { size: 2 });
      const mean = n.globalAverage(pooled);
      shapes.push(...[x, wide, pooled, mean].map(({ shape }) => shape));
      return n.linear(mean, 1);
    });
    expect(shapes.slice(0, 4)).toEqual([[8, 8, 3], [4, 4, 4], [2, 2, 4], [4]]);
  });
});

it('a window may differ by axis and by side, and is read back as it was', () => {
  const define: Define = (n, x) => {
    const one = n.conv(x, 4, { size: [5, 1], dilation: [2, 1] });
    const two = n.depthwise(one, { size: [4, 2], stride: [2, 1], padding: 'same' });
    const three = n.maxPool(two, {
      size: 2,
      stride: [1, 2],
      padding: { top: 1, bottom: 0, left: 0, right: 0 },
      ceil: true,
    });
    const four = n.averagePool(three, { size: 3, padding: 1, stride: 1, countsPadding: true });
    return n.linear(n.globalAverage(four), 2);
  };
  const definition = network({ input }, define);
  const shapes = layerFacts(definition).map(({ shape }) => shape.join('x'));
  expect(shapes).toEqual(['8x8x4', '4x8x4', '4x4x4', '4x4x4', '4', '2']);
  expect(readDefinition(JSON.parse(JSON.stringify(definition)), 'file')).toEqual(definition);
});

describe('layers', () => {
  const everyKind: Define = (n, x) => {
    const stem = n.conv(x, 8, { activation: 'hardSwish' });
    const grouped = n.shuffle(n.conv(stem, 8, { groups: 4 }), { groups: 4 });
    const both = n.concat([n.slice(grouped, { first: 4, channels: 4 }), stem]);
    const biased = n.activation(n.depthwise(n.batchNorm(both), { batchNorm: false, activation: 'none' }), 'relu');
    const squeezed = n.linear(n.globalAverage(biased), 12, { batchNorm: true, activation: 'sigmoid' });
    const excited = n.maxPool(n.multiply(biased, squeezed), { size: 4 });
    return n.linear(n.flatten(excited), 5);
  };

  it('have the shapes, and learn what they should', () => {
    const { y, parameters } = built(everyKind);
    expect(y.shape).toEqual([2, 5]);
    const ofBatchNorm = (name: string) => [`${name}.weight`, `${name}.bn.bias`, `${name}.bn.weight`];
    expect(parameters).toEqual([
      ...[...ofBatchNorm('conv1'), ...ofBatchNorm('conv2')],
      ...['batchNorm1.bias', 'batchNorm1.weight', 'depthwise1.weight', 'depthwise1.bias'],
      ...[...ofBatchNorm('linear1'), 'linear2.weight', 'linear2.bias'],
    ]);
    const facts = layerFacts(network({ input }, everyKind)).map(({ parameters }) => parameters);
    expect(facts).toEqual([232, 160, 0, 0, 0, 24, 120, 0, 0, 168, 0, 0, 0, 245]);
  });

  it('are all read back as they were written', () => {
    const definition = network({ input }, everyKind);
    expect(readDefinition(JSON.parse(JSON.stringify(definition)), 'file')).toEqual(definition);
  });

  it('have quantizers with a sign behind functions that go below zero, where a layer reads them', () => {
    expect(built(everyKind, signed).signed).toEqual(['conv1', 'globalAverage1', 'multiply1']);
  });
});

describe('an output without an activation', () => {
  it('is quantized where a layer reads it', () => {
    const narrow: Define = (n, x) => n.linear(n.globalAverage(n.conv(n.conv(x, 4, { activation: 'none' }), 4)), 2);
    expect(built(narrow, signed).signed).toEqual(['conv1']);
  });

  it('enters a sum as it is computed, one of them', () => {
    const block: Define = (n, x) => {
      const stem = n.conv(x, 4);
      const main = n.conv(stem, 4, { activation: 'none' });
      return n.linear(n.globalAverage(n.add(main, n.conv(stem, 4, { activation: 'none', size: 1 }))), 2);
    };
    expect(built(block, signed).signed).toEqual(['conv3']);
    const shortcutFirst: Define = (n, x) => {
      const stem = n.conv(x, 4);
      return n.linear(n.globalAverage(n.add(stem, n.conv(stem, 4, { activation: 'none' }))), 2);
    };
    expect(built(shortcutFirst, signed).signed).toEqual([]);
  });

  it('stays as it is where it is the result, scaled or not', () => {
    const scaled: Define = (n, x) => n.scale(n.linear(n.globalAverage(x), 2));
    expect(built(scaled, signed)).toMatchObject({ signed: [], operations: ['globalAveragePool', 'linear', 'scale'] });
  });
});

it('has batch normalisations of usual names with true, as without the option', () => {
  const two = (options: { readonly batchNorm?: boolean }) =>
    network({ input }, (n, x) => n.conv(n.conv(x, 3, options), 3, options));
  expect(two({ batchNorm: true })).toEqual(two({}));
});

describe('a fault', () => {
  const here = /\(at layers\.test\.ts:\d+:\d+\)$/;

  it.each<[string, Define, RegExp]>([
    ['features of an image', (n, x) => n.linear(x, 10), /^linear1: wants features, \[count\], and input \[8, 8, 3\]/],
    [
      'an image of features',
      (n, x) => n.conv(n.globalAverage(x), 3),
      /^conv1: wants an image, .* globalAverage1 \[3\]/,
    ],
    ['a sum of two shapes', (n, x) => n.add(n.conv(x, 4), x), /^add1: conv1 \[8, 8, 4\] and input \[8, 8, 3\] have/],
    [
      'a window that is too large',
      (n, x) => n.conv(x, 4, { size: 11, padding: 0 }),
      /^conv1: conv2d: a window of 11×11/,
    ],
    [
      'a window that sees nothing but padding',
      (n, x) => n.maxPool(x, { size: 2, padding: 2 }),
      /^maxPool1: maxPool max\(input\): padding 2, which is all/,
    ],
    [
      'padding that counts, and windows beyond it',
      (n, x) => n.averagePool(x, { size: 3, padding: 1, countsPadding: true, ceil: true }),
      /^averagePool1: countsPadding and ceil/,
    ],
    [
      'a window without a middle',
      (n, x) => n.conv(x, 4, { size: [3, 2] }),
      /^conv1: a window of 3,2 has no middle; give/,
    ],
    ['a concat of two sizes', (n, x) => n.concat([x, n.maxPool(x, { size: 2 })]), /^concat1: input .* differ in more/],
    [
      'channels that are not there',
      (n, x) => n.slice(x, { first: 2, channels: 2 }),
      /^slice1: 2 channels from 2 on, of/,
    ],
    ['groups that do not divide', (n, x) => n.conv(x, 4, { groups: 2 }), /^conv1: 2 groups do not divide 3 channels/],
    [
      'an unknown activation',
      (n, x) => n.conv(x, 4, { activation: 'tanh' as never }),
      /^conv1: activation tanh; right/,
    ],
    [
      'a misspelt option',
      (n, x) => n.conv(x, 4, { strid: 2 } as never),
      /^n\.conv: strid is none of its options name, activation, output, size, stride, /,
    ],
    [
      'an option of another layer',
      (n, x) => n.slice(x, { first: 0, channels: 2, groups: 2 } as never),
      /^n\.slice: groups is none of its options name, first, channels/,
    ],
    ['a text for options', (n, x) => n.conv(x, 4, 'relu' as never), /^n\.conv: wants an object of name, .* relu is/],
    [
      'a number for options',
      (n, x) => n.conv(x, 4, 5 as never),
      /^n\.conv: wants an object of name, .*, and 5 is none/,
    ],
    [
      'no options',
      (n, x) => n.maxPool(x, undefined as never),
      /^n\.maxPool: wants an object of name, size, .*, and undefined is none/,
    ],
    [
      'no options of channels',
      (n, x) => n.slice(x, undefined as never),
      /^n\.slice: wants an object of name, first, channels, and undefined is none/,
    ],
    ...['xavier', null, { he: 'fan' }, { normal: Number.NaN }, { normal: -1 }, { uniform: 'a' }].map(
      (start): [string, Define, RegExp] => [
        `a start that is ${JSON.stringify(start)}`,
        (n, x) => n.conv(x, 4, { start: start as never }),
        /^conv1: start is none of 'zeros', 'ones', \{ he: 'fanIn' or 'fanOut' \}, and /,
      ],
    ),
    [
      'a start of the bias that is none',
      (n, x) => n.conv(x, 4, { batchNorm: false, biasStart: 'one' as never }),
      /^conv1: biasStart is none of 'zeros', 'ones'/,
    ],
    [
      'a start of a bias that is not there',
      (n, x) => n.conv(x, 4, { biasStart: 'ones' }),
      /^conv1: biasStart has no effect with batch normalisation; leave it out/,
    ],
    [
      'no size',
      (n, x) => n.maxPool(x, {} as never),
      /^maxPool1: maxPool: a window of undefined×undefined, right would be/,
    ],
    [
      'a word for padding',
      (n, x) => n.conv(x, 4, { padding: 'valid' as never }),
      /^conv1: conv2d: padding valid, right would be 'same' or a whole number from 0 on/,
    ],
    [
      'padding of four numbers',
      (n, x) => n.conv(x, 4, { padding: [1, 1, 1, 1] as never }),
      /^conv1: a layer that is none: /,
    ],
    ['half a channel', (n, x) => n.conv(x, 0.5), /^conv1: channels is 0.5; right would be a whole number/],
    ['a name for two', (n, x) => n.conv(n.conv(x, 3, { name: 'a' }), 3, { name: 'a' }), /^a: the name stands twice/],
    ['the name of the images', (n, x) => n.conv(x, 3, { name: 'input' }), /^input: the name stands twice/],
    ['a name with a pattern', (n, x) => n.conv(x, 3, { name: 'a*' }), /^'a\*' is no name for a layer/],
    [
      'a value of nowhere',
      (n) => n.linear({ name: 'x', shape: [3] }, 2),
      /^linear1: its input is no value of this network/,
    ],
    [
      'a layer whose result is used nowhere, or by one of these only',
      (n, x) => {
        n.maxPool(n.conv(x, 40, { name: 'head' }), { name: 'end', size: 2 });
        return n.conv(x, 2);
      },
      /^end: nothing uses it; leave it out/,
    ],
  ])('%s: one line that ends with the place of the call', (_, define, message) => {
    const faulty = () => network({ input }, define);
    expect(faulty).toThrow(message);
    expect(faulty).toThrow(here);
  });

  it('of an unknown option of the network, or of none', () => {
    const faulty = (options: unknown) => () => network(options as never, (n, x) => n.conv(x, 3));
    expect(faulty({ input, name: 'mine' })).toThrow(/^network: name is none of its options input, names$/);
    expect(faulty(undefined)).toThrow(/^network: wants an object of input, names, and undefined is none$/);
  });

  it('of names that follow no scheme', () => {
    const faulty = () => network({ input, names: 'dot' as never }, (n, x) => n.conv(x, 3));
    expect(faulty).toThrow(/^network: names is dot; right would be slashes or dots$/);
  });

  it('names the layer in the scope where it stands', () => {
    const faulty: Define = (n, x) => n.scope('block2', () => n.scope('main', () => n.linear(x, 3)));
    expect(() => network({ input }, faulty)).toThrow(/^block2\/main\/linear1: wants features/);
  });

  it('of a function that returns nothing', () => {
    expect(() => network({ input }, (() => undefined) as never)).toThrow(/must return a value of its layers$/);
  });

  it('of an input that is no image', () => {
    expect(() => network({ input: [8, 8] as never }, (n, x) => n.linear(x, 1))).toThrow(
      /input is \[8,8\]; right would be/,
    );
  });

  it.each<[string, () => Define, RegExp]>([
    [
      'channels',
      () => countedUp((n, x, count) => n.linear(n.globalAverage(n.conv(x, count)), 2)),
      /"channels":1.*"channels":2/,
    ],
    [
      'the number of layers',
      () => countedUp((n, x, count) => n.linear(n.globalAverage(count === 2 ? n.conv(x, 3) : x), 2)),
      /"kind":"globalAverage".*, then .*"kind":"conv"/,
    ],
  ])('of a definition that makes other %s when it is called again', (_, define, message) => {
    expect(() => network({ input }, define())).toThrow(
      /^network: its function must make the same layers each time: .*, then .*$/,
    );
    expect(() => network({ input }, define())).toThrow(message);
  });
});

/** A definition that knows how often it was called. */
function countedUp(define: (...given: [...Parameters<Define>, count: number]) => ReturnType<Define>): Define {
  let count = 0;
  return (n, x) => {
    count++;
    return define(n, x, count);
  };
}
