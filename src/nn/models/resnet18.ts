/**
 * ResNet-18 (He et al. 2016, table 1) in torchvision's form and with its names, for any number of classes, image size
 * and width.
 */

import type { Layers, Value } from '../layerCalls.js';
import type { Define } from '../layers.js';
import { byEight } from './width.js';

export interface Resnet18Options {
  readonly classes: number;
  readonly widthMultiplier: number;
}

const start = { he: 'fanOut' } as const;

export function resnet18({ classes, widthMultiplier }: Resnet18Options): Define {
  const wide = (channels: number) => byEight(channels * widthMultiplier);
  return (n, x) => {
    const stem = { name: 'conv1', batchNorm: 'bn1', output: 'relu', size: 7, stride: 2, start };
    let h = n.maxPool(n.conv(x, wide(64), stem), { size: 3, stride: 2, padding: 1 });
    for (const [group, channels] of [64, 128, 256, 512].entries()) {
      for (let layer = 0; layer < 2; layer++) {
        const stride = group > 0 && layer === 0 ? 2 : 1;
        h = n.scope(`layer${group + 1}.${layer}`, () => block(n, h, wide(channels), stride));
      }
    }
    const pooled = n.globalAverage(h);
    const uniform = { uniform: 1 / Math.sqrt(pooled.shape[0]!) };
    return n.linear(pooled, classes, { name: 'fc', start: uniform, biasStart: uniform });
  };
}

function block(n: Layers, x: Value, channels: number, stride: number): Value {
  const hidden = n.conv(x, channels, { name: 'conv1', batchNorm: 'bn1', output: 'relu1', stride, start });
  const main = n.conv(hidden, channels, { name: 'conv2', batchNorm: 'bn2', activation: 'none', start });
  const projected = () => {
    const names = { name: 'downsample.0', batchNorm: 'downsample.1', output: 'downsample' };
    return n.conv(x, channels, { ...names, size: 1, stride, activation: 'none', start });
  };
  const shortcut = stride === 1 && x.shape[2] === channels ? x : projected();
  return n.add(main, shortcut, { name: 'relu2' });
}
