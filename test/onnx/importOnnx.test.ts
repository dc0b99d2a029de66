/** Networks of ONNX files as layers: their logits beside onnxruntime's, their names, and what is refused. */

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { importOnnx } from '../../src/onnx/index.js';
import { agreement } from './agreement.js';
import { OnnxModel } from './onnxModel.js';
import { residual } from './residual.js';

/** A network of one convolution whose result goes through `rest` to a classifier of 4 × features. */
function around(
  rest: (m: OnnxModel, x: string) => string,
  options: { readonly input?: readonly number[]; readonly opset?: number } = {},
): Uint8Array {
  const m = new OnnxModel(7);
  const { input = [3, 8, 8], opset } = options;
  const y = m.node('Conv', ['x', m.weights('w', [6, input[0]!, 3, 3])], { pads: [1, 1, 1, 1] });
  const flat = rest(m, m.node('Relu', [y]));
  return m.file(input, m.node('Gemm', [flat, m.weights('v', [4, 6]), m.weights('b', [4])], { transB: 1 }), opset);
}

const mean = (m: OnnxModel, x: string) => m.node('Flatten', [m.node('GlobalAveragePool', [x])]);

/** The operands of a Slice of channels. */
const part = (m: OnnxModel, start: number, end: number): string[] => [
  ...[m.whole(`from${start}`, [1], [start]), m.whole(`to${end}`, [1], [end]), m.whole(`axis${end}`, [1], [1])],
];

describe('an imported network computes what onnxruntime does', () => {
  it('a residual one, under the names of its modules', async () => {
    const { difference, largest, layers, parameters } = await agreement(residual(false), [3, 11, 11]);
    expect(difference).toBeLessThan(1e-5);
    expect(largest).toBeGreaterThan(0.1);
    expect(layers).toEqual([
      ...[
        'conv1',
        'maxPool',
        'layer1.conv1',
        'layer1.conv2',
        'layer1.downsample.0',
        'layer1.add',
        'globalAverage',
        'fc',
      ],
    ]);
    expect(parameters.slice(0, 3)).toEqual(['conv1.weight', 'bn1.bias', 'bn1.weight']);
    expect(parameters).toContain('layer1.downsample.1.weight');
  });

  it('one with nodes on which the output does not depend, which are left out', async () => {
    const file = around((m, x) => {
      m.node('Elu', [m.node('Conv', [x, m.weights('unread', [6, 6, 1, 1])])]);
      return mean(m, x);
    });
    expect(importOnnx(file, 'net.onnx').definition.layers.map(({ kind }) => kind)).toEqual([
      ...['conv', 'globalAverage', 'linear'],
    ]);
    const { difference } = await agreement(file, [3, 8, 8]);
    expect(difference).toBeLessThan(1e-5);
  });

  it('one whose batch normalisation was folded, which stands there again', async () => {
    const { difference, parameters } = await agreement(residual(true), [3, 11, 11]);
    expect(difference).toBeLessThan(1e-5);
    expect(parameters).toContain('layer1.downsample.0.bn.weight');
    const { weights } = importOnnx(residual(true), 'net.onnx');
    expect(Array.from(weights.get('conv1.bn.running_var')!.values)).toEqual([1, 1, 1, 1]);
    expect(weights.get('conv1.bn.weight')!.values[0]).toBeCloseTo(Math.sqrt(1 + 1e-5), 7);
  });

  it.each<[string, (m: OnnxModel, x: string) => string, number?]>([
    [
      'GlobalAveragePool and Reshape',
      (m, x) => m.node('Reshape', [m.node('GlobalAveragePool', [x]), m.whole('s', [2], [0, -1])]),
    ],
    ['ReduceMean by attribute', (m, x) => m.node('ReduceMean', [x], { axes: [2, 3], keepdims: 0 })],
    ['ReduceMean by operand', (m, x) => m.node('ReduceMean', [x, m.whole('a', [2], [-1, -2])], { keepdims: 0 }), 18],
    [
      'AveragePool as large as the image',
      (m, x) => m.node('Flatten', [m.node('AveragePool', [x], { kernel_shape: [8, 8] })]),
    ],
    [
      'the same behind a Pad of nothing',
      (m, x) => {
        const padded = m.node('Pad', [x, m.whole('p', [8], [0, 0, 0, 0, 0, 0, 0, 0])]);
        const mean = m.node('AveragePool', [padded], { kernel_shape: [8, 8] });
        return m.node('Squeeze', [mean, m.whole('a', [2], [2, 3])]);
      },
    ],
    [
      'a shape that is computed',
      (m, x) => {
        const mean = m.node('GlobalAveragePool', [x]);
        const size = m.node('Gather', [m.node('Shape', [mean]), m.whole('i', [], [0])]);
        const first = m.node('Unsqueeze', [size, m.whole('axis', [1], [0])]);
        return m.node('Reshape', [mean, m.node('Concat', [first, m.whole('rest', [1], [-1])], { axis: 0 })]);
      },
    ],
    [
      'a part of a shape',
      (m, x) => {
        const mean = m.node('GlobalAveragePool', [x]);
        const channels = m.node('Shape', [mean], { start: 1, end: -2 });
        return m.node('Reshape', [mean, m.node('Concat', [m.whole('any', [1], [-1]), channels], { axis: 0 })]);
      },
      15,
    ],
    ['Flatten by an axis from the end', (m, x) => m.node('Flatten', [m.node('GlobalAveragePool', [x])], { axis: -3 })],
  ])('a global average spelled as %s', async (_, rest, opset) => {
    const { difference, layers } = await agreement(around(rest, { ...(opset && { opset }) }), [3, 8, 8]);
    expect(difference).toBeLessThan(1e-5);
    expect(layers).toEqual(['conv', 'globalAverage', 'linear']);
  });

  const conv =
    (attributes: Parameters<OnnxModel['node']>[2], shape = [6, 6, 3, 3]) =>
    (m: OnnxModel, x: string) =>
      mean(m, m.node('Conv', [x, m.weights('c', shape), m.weights('d', [6])], attributes));

  it.each<[string, Parameters<OnnxModel['node']>[2]]>([
    ['whose auto_pad misses the last pixel', { strides: [2, 2], auto_pad: 'SAME_UPPER' }],
    ['that misses more, with its pads', { strides: [3, 5], pads: [0, 0, 0, 0] }],
  ])('an average over single pixels %s', async (_, attributes) => {
    const rest = (m: OnnxModel, x: string) =>
      mean(m, m.node('AveragePool', [x], { kernel_shape: [1, 1], ...attributes }));
    expect((await agreement(around(rest, { opset: 19 }), [3, 8, 8])).difference).toBeLessThan(1e-5);
  });

  it.each<[string, (m: OnnxModel, x: string) => string]>([
    ['windows, strides and zeros by axis and side', conv({ strides: [2, 1], pads: [0, 1, 2, 1] }, [6, 6, 3, 2])],
    ['dilated windows', conv({ dilations: [2, 1], pads: [2, 0, 2, 0] })],
    ['auto_pad SAME_UPPER', conv({ strides: [2, 2], auto_pad: 'SAME_UPPER' })],
    ['auto_pad SAME_LOWER', conv({ strides: [2, 2], auto_pad: 'SAME_LOWER' })],
    ['auto_pad SAME_UPPER that misses the last pixel', conv({ strides: [2, 2], auto_pad: 'SAME_UPPER' }, [6, 6, 1, 1])],
    ['auto_pad SAME_LOWER that misses the last pixel', conv({ strides: [2, 2], auto_pad: 'SAME_LOWER' }, [6, 6, 1, 1])],
    ['auto_pad VALID', conv({ auto_pad: 'VALID' })],
    ['a depthwise convolution', conv({ group: 6, pads: [1, 1, 1, 1] }, [6, 1, 3, 3])],
    [
      'zeros of a Pad before a convolution',
      (m, x) => conv({ strides: [2, 2] })(m, m.node('Pad', [x, m.whole('p', [8], [0, 0, 0, 1, 0, 0, 1, 1])])),
    ],
    [
      'zeros as PyTorch lays them, in a table',
      (m, x) => {
        const zeros = m.node('ConstantOfShape', [m.whole('four', [1], [4])], { value: { tensor: 0 } });
        const pads = m.node('Concat', [m.whole('p', [4], [0, 1, 2, 3]), zeros], { axis: 0 });
        const table = m.node('Reshape', [pads, m.whole('s', [2], [-1, 2])]);
        const last = m.whole('last', [1], [-1]);
        const turned = m.node('Slice', [
          ...[table, last, m.whole('end', [1], [-(2 ** 53)]), m.whole('axis', [1], [0]), m.whole('step', [1], [-1])],
        ]);
        const flat = m.node('Reshape', [m.node('Transpose', [turned], { perm: [1, 0] }), last]);
        return conv({ strides: [2, 2] })(m, m.node('Pad', [x, m.node('Cast', [flat], { to: 7 })]));
      },
    ],
    [
      'zeros cut from a table by both axes, by the second, and turned',
      (m, x) => {
        const list = (name: string, ...values: number[]) => m.whole(name, [values.length], values);
        const table = m.whole('table', [3, 4], [9, 7, 0, 1, 9, 8, 3, 2, 9, 9, 9, 9]);
        const both = m.node('Slice', [table, list('from', 0, 1), list('to', 2, 9)]);
        const last = m.node('Slice', [both, list('begin', -2), list('end', 9), list('axis', 1)]);
        const turned = m.node('Reshape', [m.node('Transpose', [last]), list('all', -1)]);
        // Of [[0, 1], [3, 2]] rows come first: 0 and 3 rows of zeros, 1 and 2 columns.
        const none = list('none', 0, 0);
        const before = m.node('Gather', [turned, list('before', 0, 2)]);
        const behind = m.node('Gather', [turned, list('behind', 1, 3)]);
        const pads = m.node('Concat', [none, before, none, behind], { axis: 0 });
        return conv({ strides: [2, 2] })(m, m.node('Pad', [x, pads]));
      },
    ],
    [
      'squeeze and excite whose factors become an image by Unsqueeze',
      (m, x) => {
        const factors = m.node('Sigmoid', [m.node('Gemm', [mean(m, x), m.weights('c', [6, 6])])]);
        const first = m.node('Unsqueeze', [factors, m.whole('second', [1], [2])]);
        return mean(m, m.node('Mul', [x, m.node('Unsqueeze', [first, m.whole('last', [1], [-1])])]));
      },
    ],
    [
      'ReLU6 as Clip',
      (m, x) => mean(m, m.node('Clip', [m.node('Add', [x, x]), m.floats('lo', [], [0]), m.floats('hi', [], [6])])),
    ],
    [
      'an average over windows',
      (m, x) => mean(m, m.node('AveragePool', [x], { kernel_shape: [3, 2], strides: [2, 1] })),
    ],
    [
      'an average that counts the zeros around the image',
      (m, x) =>
        mean(
          m,
          m.node('AveragePool', [x], {
            kernel_shape: [3, 3],
            strides: [2, 2],
            pads: [1, 1, 1, 1],
            count_include_pad: 1,
          }),
        ),
    ],
    [
      'one bias for all outputs',
      (m, x) => m.node('Gemm', [mean(m, x), m.weights('c', [6, 6]), m.floats('d', [], [0.5])]),
    ],
    [
      'a bias behind a convolution',
      (m, x) =>
        mean(m, m.node('Add', [m.node('Conv', [x, m.weights('c', [6, 6, 1, 1])]), m.weights('d', [1, 6, 1, 1])])),
    ],
    ['Identity and Dropout', (m, x) => mean(m, m.node('Dropout', [m.node('Identity', [x])]))],
    [
      'MatMul and Add',
      (m, x) =>
        m.node('Relu', [m.node('Add', [m.node('MatMul', [mean(m, x), m.weights('c', [6, 6])]), m.weights('d', [6])])]),
    ],
    ['a grouped convolution', conv({ group: 3, pads: [1, 1, 1, 1] }, [6, 2, 3, 3])],
    [
      'an image whose numbers are features',
      (m, x) => {
        const flat = m.node('Flatten', [m.node('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 4] })]);
        const again = m.node('Reshape', [m.node('Flatten', [flat]), m.whole('s', [2], [0, -1])]);
        return m.node('Gemm', [m.node('Dropout', [again]), m.weights('c', [48, 6]), m.weights('d', [6])]);
      },
    ],
    [
      'a batch normalisation of features',
      (m, x) =>
        m.node('BatchNormalization', [m.node('MatMul', [mean(m, x), m.weights('c', [6, 6])]), ...m.batchNorm('bn', 6)]),
    ],
    [
      'a batch normalisation by itself, of a concat of one',
      (m, x) =>
        mean(
          m,
          m.node('Relu', [m.node('BatchNormalization', [m.node('Concat', [x], { axis: 1 }), ...m.batchNorm('bn', 6)])]),
        ),
    ],
    [
      'channels side by side',
      (m, x) =>
        mean(
          m,
          m.node(
            'Concat',
            [
              m.node('Slice', [x, m.whole('a', [1], [-2]), m.whole('e', [1], [2 ** 40]), m.whole('axis', [1], [1])]),
              m.node('Conv', [x, m.weights('c', [4, 6, 1, 1])]),
            ],
            { axis: 1 },
          ),
        ),
    ],
    [
      'SiLU as a product',
      (m, x) =>
        mean(m, ((y) => m.node('Mul', [y, m.node('Sigmoid', [y])]))(m.node('Conv', [x, m.weights('c', [6, 6, 1, 1])]))),
    ],
    [
      'hard-swish as a product',
      (m, x) => mean(m, m.node('Mul', [m.node('HardSigmoid', [x], { alpha: { float: 1 / 6 } }), x])),
    ],
    [
      'squeeze and excite',
      (m, x) => {
        const squeezed = m.node('Relu', [
          m.node('Conv', [m.node('GlobalAveragePool', [x]), m.weights('c', [3, 6, 1, 1]), m.weights('d', [3])]),
        ]);
        const factors = m.node('Sigmoid', [
          m.node('Conv', [squeezed, m.weights('e', [6, 3, 1, 1]), m.weights('f', [6])]),
        ]);
        return mean(m, m.node('Mul', [factors, x]));
      },
    ],
    [
      'squeeze and excite of one pixel, a list on either side',
      (m, x) => {
        const pixel = m.node('Conv', [x, m.weights('c', [6, 6, 8, 8])]);
        const factors = m.node('Conv', [m.node('GlobalAveragePool', [pixel]), m.weights('d', [6, 6, 1, 1])]);
        return m.node('Flatten', [m.node('Mul', [m.node('Mul', [pixel, factors]), factors])]);
      },
    ],
    [
      'a constant transposed to the order that it has',
      (m, x) => m.node('MatMul', [mean(m, x), m.node('Transpose', [m.weights('c', [6, 6])], { perm: [0, 1] })]),
    ],
    [
      'variances below our ε',
      (m, x) => {
        const small = m.node('Conv', [x, m.weights('c', [6, 6, 1, 1], -1e-3, 1e-3)]);
        const [gamma, beta] = [m.weights('g', [6]), m.weights('b0', [6])];
        const moments = [m.floats('m', [6], Array(6).fill(0)), m.floats('s', [6], [0, 1e-7, 1e-6, 1e-5, 1e-4, 1])];
        const epsilon = { float: 1e-7 };
        return mean(m, m.node('BatchNormalization', [small, gamma, beta, ...moments], { epsilon }));
      },
    ],
    [
      'channels taken apart and shuffled',
      (m, x) => {
        const [first, second] = m.nodes('Split', [x, m.whole('sizes', [2], [2, 4])], { axis: 1 }, 2);
        const together = m.node('Concat', [second!, first!], { axis: 1 });
        const groups = m.node('Reshape', [together, m.whole('g', [5], [-1, 3, 2, 8, 8])]);
        const turned = m.node('Transpose', [groups], { perm: [0, 2, 1, 3, 4] });
        const shuffled = m.node('Reshape', [turned, m.whole('h', [4], [-1, 6, 8, 8])]);
        return mean(m, m.node('Conv', [shuffled, m.weights('c', [6, 6, 1, 1])]));
      },
    ],
    [
      'an activation by itself',
      (m, x) => mean(m, m.node('Sigmoid', [m.node('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 2] })])),
    ],
  ])('%s', async (_, rest) => {
    const { difference, largest } = await agreement(around(rest), [3, 8, 8]);
    expect(difference).toBeLessThan(1e-5);
    expect(largest).toBeGreaterThan(0.1);
  });

  it.each<[string, (m: OnnxModel, x: string) => string, string]>([
    [
      'a ReLU and a clip to 6',
      (m, x) => m.node('Clip', [x, m.floats('lo', [], [0]), m.floats('hi', [], [6])]),
      'relu6',
    ],
    ['two ReLUs', (m, x) => m.node('Relu', [x]), 'relu'],
    [
      'a clip to 6 between two ReLUs',
      (m, x) => m.node('Relu', [m.node('Clip', [x, m.floats('lo', [], [0]), m.floats('hi', [], [6])])]),
      'relu6',
    ],
  ])('%s are one activation', async (_, rest, activation) => {
    const file = around((m, x) => mean(m, rest(m, x)));
    const { difference, layers } = await agreement(file, [3, 8, 8]);
    expect(difference).toBeLessThan(1e-5);
    expect(layers).toEqual(['conv', 'globalAverage', 'linear']);
    expect(importOnnx(file, 'net.onnx').definition.layers[0]).toMatchObject({ activation });
  });

  it('a ReLU that others read and a clip of it are two', async () => {
    const file = around((m, x) => {
      const clipped = m.node('Clip', [x, m.floats('lo', [], [0]), m.floats('hi', [], [6])]);
      return mean(
        m,
        m.node('Concat', [m.node('Slice', [clipped, ...part(m, 0, 3)]), m.node('Slice', [x, ...part(m, 3, 6)])], {
          axis: 1,
        }),
      );
    });
    const { difference, layers } = await agreement(file, [3, 8, 8]);
    expect(difference).toBeLessThan(1e-5);
    expect(layers).toContain('relu6');
  });

  it('signals', async () => {
    const m = new OnnxModel();
    const hidden = m.node('Relu', [m.node('Conv', ['x', m.weights('w', [6, 2, 5])], { strides: [2], pads: [2, 1] })]);
    const pooled = m.node('MaxPool', [hidden], { kernel_shape: [2], strides: [2] });
    const flat = m.node('ReduceMean', [pooled], { axes: [2], keepdims: 0 });
    const file = m.file([2, 30], m.node('Gemm', [flat, m.weights('v', [6, 3])]));
    expect((await agreement(file, [2, 30])).difference).toBeLessThan(1e-5);
  });

  it.each<[string[], string[], string[]]>([
    [
      ['conv', 'conv.bn'],
      ['conv', 'conv.bn'],
      ['conv.bn_2', 'conv.bn.bn'],
    ],
    [
      ['conv.bn', 'conv'],
      ['conv.bn', 'conv'],
      ['conv.bn.bn', 'conv.bn_2'],
    ],
    [
      ['input', 'input_2'],
      ['input_2', 'input_2_2'],
      ['input_2.bn', 'input_2_2.bn'],
    ],
  ])('modules %j, whose parameters would have one name, numbered', async (modules, layers, norms) => {
    const m = new OnnxModel(7);
    const convolved = modules.reduce(
      (x, module) => m.node('Relu', [m.node('Conv', [x, m.weights(`${module}.weight`, [3, 3, 3, 3])])]),
      'x',
    );
    const file = m.file([3, 8, 8], m.node('Gemm', [mean(m, convolved), m.weights('v', [3, 4])]));
    const found = await agreement(file, [3, 8, 8]);
    expect(found.difference).toBeLessThan(1e-5);
    expect(found.layers).toEqual([...layers, 'globalAverage', 'linear']);
    expect(found.parameters).toEqual(expect.arrayContaining(norms.map((norm) => `${norm}.weight`)));
  });

  it('a file for a number of images, which stands in its shapes', async () => {
    const m = new OnnxModel();
    const flat = m.node('Reshape', ['x', m.whole('shape', [2], [4, 50])]);
    const file = m.file([2, 5, 5], m.node('Gemm', [flat, m.weights('v', [50, 3])]), 13, 4);
    expect((await agreement(file, [2, 5, 5])).difference).toBeLessThan(1e-5);
  });

  it('features alone', async () => {
    const m = new OnnxModel();
    const hidden = m.node('Relu', [m.node('Gemm', ['x', m.weights('a', [7, 9]), m.weights('b', [9])])]);
    const file = m.file(
      [7],
      m.node('Softmax', [m.node('Gemm', [hidden, m.weights('c', [9, 3]), m.weights('d', [3])])]),
    );
    const { definition } = importOnnx(file, 'net.onnx');
    expect(definition.input).toEqual([1, 1, 7]);
    expect(definition.layers.map(({ kind }) => kind)).toEqual(['flatten', 'linear', 'linear']);
  });
});

describe('what cannot be imported', () => {
  const refused = (file: Uint8Array) => () => importOnnx(file, 'net.onnx');

  it('is said all at once, each kind with its number and the first place', () => {
    const file = around((m, x) => {
      const strange = m.node('Elu', [m.node('Elu', [x], {}, '/block/act/Elu')]);
      const later = m.node('Conv', [x, m.weights('g', [6, 2, 3, 3])], { group: 2 }, '/block/conv/Conv');
      return m.node('Flatten', [m.node('Einsum', [m.node('Add', [strange, later])])]);
    });
    expect(refused(file)).toThrow(
      /^net\.onnx: cannot be imported, 4 faults: 2× Elu: there is no such layer \(\/block\/act\/Elu\); Conv: 2 groups of 6 channels and weights \[6,2,3,3\] \(\/block\/conv\/Conv\); Einsum: there is no such layer \(t\d+\)$/,
    );
  });

  it.each<[string, (m: OnnxModel, x: string) => string, RegExp]>([
    [
      'a normalisation of the input',
      (m, x) => m.node('Sub', [x, m.floats('mean', [], [0.5])]),
      /1 fault: Sub: there is no such layer; if it normalises the input, leave it out and give --mean and --std \(t\d+\)$/,
    ],
    [
      'a table that is no shape',
      (m, x) => m.node('Add', [x, m.node('ConstantOfShape', [m.whole('s', [2], [2 ** 40, 2 ** 40])])]),
      /1 fault: ConstantOfShape: of constants alone; onnx-simplifier \(onnxsim\) computes such nodes \(t\d+\)$/,
    ],
    ...[
      { starts: [0, 0], ends: [4] },
      { starts: [0], ends: [4], axes: [2] },
      { starts: [0], ends: [4], axes: [0, 1] },
      { starts: [0], ends: [4], steps: [0] },
    ].map((bounds): [string, (m: OnnxModel, x: string) => string, RegExp] => [
      `a part of a table by ${JSON.stringify(bounds)}`,
      (m, x) => {
        const given: Readonly<Record<string, readonly number[]>> = bounds;
        const operands = ['starts', 'ends', 'axes', 'steps'].map((name) =>
          given[name] ? m.whole(name, [given[name].length], given[name]) : '',
        );
        return m.node('Pad', [x, m.node('Slice', [m.whole('p', [2, 4], [0, 0, 1, 1, 0, 0, 1, 1]), ...operands])]);
      },
      /1 fault: Slice: of constants alone; onnx-simplifier/,
    ]),
    [
      'pads of an empty part',
      (m, x) => {
        const [from, to] = [m.whole('from', [1], [4]), m.whole('to', [1], [2])];
        return m.node('Pad', [x, m.node('Slice', [m.whole('p', [8], [0, 0, 1, 1, 0, 0, 1, 1]), from, to])]);
      },
      /1 fault: Pad: other than zeros around an image/,
    ],
    [
      'a table of sizes below zero',
      (m, x) => m.node('Pad', [x, m.node('ConstantOfShape', [m.whole('s', [2], [-2, -4])])]),
      /1 fault: ConstantOfShape: of constants alone/,
    ],
    ...[[0, 0], [0], [5, 0]].map((perm): [string, (m: OnnxModel, x: string) => string, RegExp] => [
      `a constant transposed to ${perm}`,
      (m, x) => m.node('MatMul', [mean(m, x), m.node('Transpose', [m.weights('c', [6, 6])], { perm })]),
      /Transpose: of constants alone/,
    ]),
    ...[[7], [2, 2]].map((axes): [string, (m: OnnxModel, x: string) => string, RegExp] => [
      `features with axes ${axes}`,
      (m, x) => m.node('Unsqueeze', [mean(m, x), m.whole('axes', [axes.length], axes)]),
      new RegExp(`Unsqueeze: of \\[1,6\\] with axes ${axes} \\(`),
    ]),
    [
      'pixels mirrored at the border',
      (m, x) => m.node('Pad', [x, m.whole('p', [8], [0, 0, 1, 1, 0, 0, 1, 1])], { mode: 'reflect' }),
      /1 fault: Pad: other than zeros around an image \(t\d+\)$/,
    ],
    ['a bias by column', (m, x) => m.node('Add', [x, m.weights('d', [8])]), /Add: of a constant \[8\]/],
    [
      'a bias by image',
      (m, x) => m.node('Gemm', [mean(m, x), m.weights('c', [6, 6]), m.weights('d', [2, 6])]),
      /Gemm: a bias \[2,6\] for 6 outputs/,
    ],
    [
      'a batch normalisation with moments of the batch as results',
      (m, x) => m.nodes('BatchNormalization', [x, ...m.batchNorm('bn', 6)], {}, 5)[0]!,
      /1 fault: BatchNormalization: as in training; export it after model\.eval\(\) \(t\d+\)$/,
    ],
    [
      'maxima of dilated windows with as many zeros as the runtime puts',
      (m, x) => m.node('MaxPool', [x], { kernel_shape: [3, 3], dilations: [2, 1], auto_pad: 'SAME_LOWER' }),
      /1 fault: MaxPool: auto_pad of dilated windows, .* than ONNX says; give its pads \(t\d+\)$/,
    ],
    [
      'means of such windows',
      (m, x) => m.node('AveragePool', [x], { kernel_shape: [3, 3], dilations: [2, 2], auto_pad: 'SAME_UPPER' }),
      /1 fault: AveragePool: auto_pad of dilated windows, .* than ONNX says; give its pads \(t\d+\)$/,
    ],
    ...['Conv', 'AveragePool', 'MaxPool'].flatMap((op) =>
      ['SAME_UPPER', 'SAME_LOWER'].map((auto_pad): [string, (m: OnnxModel, x: string) => string, RegExp] => [
        // 2 windows of 1 pixel with stride 5 reach 6 of 8 pixels: onnxruntime begins at either of two.
        `${op} of windows that miss two pixels, ${auto_pad}`,
        (m, x) => {
          const weights = op === 'Conv' ? [m.weights('c', [6, 6, 1, 1])] : [];
          return m.node(op, [x, ...weights], { kernel_shape: [1, 1], strides: [1, 5], auto_pad });
        },
        new RegExp(`1 fault: ${op}: auto_pad whose windows miss more than a pixel, .*; give its pads \\(t\\d+\\)$`),
      ]),
    ),
    [
      'the mask of a dropout',
      (m, x) => {
        const [y, mask] = m.nodes('Dropout', [x], {}, 2);
        return m.node('Mul', [y!, m.node('Cast', [mask!], { to: 1 })]);
      },
      /1 fault: Dropout: its result 2 is read, which no layer has \(t\d+\)$/,
    ],
    [
      'dropout as in training',
      (m, x) => m.node('Dropout', [x, m.floats('r', [], [0.5]), m.whole('t', [], [1])]),
      /Dropout: as in training; export it after model\.eval\(\)/,
    ],
  ])('%s', (_, rest, message) => {
    expect(refused(around((m, x) => mean(m, rest(m, x))))).toThrow(message);
  });

  it('an attribute without a type, whose value nobody knows', () => {
    const model = fromBinary(ModelProtoSchema, around(mean));
    model.graph!.node[0]!.attribute[0]!.type = AttributeProto_AttributeType.UNDEFINED;
    expect(refused(toBinary(ModelProtoSchema, model))).toThrow(/1 fault: an attribute pads without a type \(t0\)$/);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['text', new TextEncoder().encode('no model at all'), /is no ONNX file, or damaged|has no graph/],
    ['nothing', new Uint8Array(), /is no ONNX model, it has no graph/],
    ['an open size', new OnnxModel().file([3, 'H', 8], 'x'), /1 fault: an input \[\?, 3, \?, 8\], wanted are/],
  ])('%s', (_, file, message) => {
    expect(refused(file)).toThrow(message);
  });
});
