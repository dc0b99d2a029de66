/** A small network with a shortcut, as ONNX. */

import { OnnxModel } from './onnxModel.js';

/** A residual network as PyTorch exports it, with batch normalisation, or with it folded into the weights. */
export function residual(isFolded: boolean, { side = 11, classes = 5 } = {}): Uint8Array {
  const m = new OnnxModel();
  const convolved = (x: string, module: string, norm: string, shape: readonly number[], stride: number): string => {
    const path = `/${module.replaceAll('.', '/')}`;
    const [size] = shape.slice(2);
    const window = {
      strides: [stride, stride],
      pads: Array.from({ length: 4 }, () => (size! - 1) / 2),
      kernel_shape: shape.slice(2),
    };
    const weight = m.weights(isFolded ? `onnx::Conv_${module}` : `${module}.weight`, shape);
    const bias = isFolded ? [m.weights(`onnx::Bias_${module}`, [shape[0]!])] : [];
    const y = m.node('Conv', [x, weight, ...bias], window, `${path}/Conv`);
    return isFolded
      ? y
      : m.node('BatchNormalization', [y, ...m.batchNorm(norm, shape[0]!)], { epsilon: { float: 1e-3 } });
  };
  const stem = m.node('Relu', [convolved('x', 'conv1', 'bn1', [4, 3, 3, 3], 1)]);
  const pooled = m.node('MaxPool', [stem], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 });
  const hidden = m.node('Relu', [convolved(pooled, 'layer1.conv1', 'layer1.bn1', [8, 4, 3, 3], 2)]);
  const main = convolved(hidden, 'layer1.conv2', 'layer1.bn2', [8, 8, 3, 3], 1);
  const shortcut = convolved(pooled, 'layer1.downsample.0', 'layer1.downsample.1', [8, 4, 1, 1], 2);
  const sum = m.node('Relu', [m.node('Add', [main, shortcut], {}, '/layer1/Add')]);
  const mean = m.node('GlobalAveragePool', [sum]);
  const flat = m.node('Flatten', [mean], { axis: 1 });
  const logits = m.node(
    'Gemm',
    [flat, m.weights('fc.weight', [classes, 8]), m.weights('fc.bias', [classes])],
    { transB: 1 },
    '/fc/Gemm',
  );
  return m.file([3, side, side], logits);
}
