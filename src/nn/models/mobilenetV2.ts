/**
 * MobileNetV2 (Sandler et al. 2018, table 2) in torchvision's form and with its names, without its dropout, for any
 * number of classes and image size. An inverted residual block expands channels by a 1×1 convolution, filters each by a
 * depthwise one, and projects to fewer channels without a ReLU; its output, in most blocks a sum, is a linear output.
 */

import type { Layers, Value } from '../layerCalls.js';
import type { Define } from '../layers.js';
import { byEight } from './width.js';

export interface MobilenetV2Options {
  readonly classes: number;
  /** Factor for the numbers of channels, of which the last one stays at least 1280. */
  readonly widthMultiplier: number;
}

/** t, c, n, s of the paper's table; the stride applies to a group's first block. */
const GROUPS = [
  { expansion: 1, channels: 16, blocks: 1, stride: 1 },
  { expansion: 6, channels: 24, blocks: 2, stride: 2 },
  { expansion: 6, channels: 32, blocks: 3, stride: 2 },
  { expansion: 6, channels: 64, blocks: 4, stride: 2 },
  { expansion: 6, channels: 96, blocks: 3, stride: 1 },
  { expansion: 6, channels: 160, blocks: 3, stride: 2 },
  { expansion: 6, channels: 320, blocks: 1, stride: 1 },
] as const;

export function mobilenetV2({ classes, widthMultiplier }: MobilenetV2Options): Define {
  return (n, x) => {
    const scopes = scopesOf('features');
    let h = filtered(n, x, scopes(), { channels: byEight(32 * widthMultiplier), size: 3, stride: 2 });
    for (const { expansion, channels, blocks, stride } of GROUPS) {
      for (let block = 0; block < blocks; block++) {
        const shape = { expansion, channels: byEight(channels * widthMultiplier), stride: block === 0 ? stride : 1 };
        h = invertedResidual(n, h, scopes(), shape);
      }
    }
    h = filtered(n, h, scopes(), { channels: byEight(1280 * Math.max(1, widthMultiplier)), size: 1, stride: 1 });
    return n.linear(n.globalAverage(h), classes, { name: 'classifier.1', start: { normal: 0.01 } });
  };
}

function invertedResidual(
  n: Layers,
  x: Value,
  scope: string,
  { expansion, channels, stride }: { readonly expansion: number; readonly channels: number; readonly stride: number },
): Value {
  const scopes = scopesOf(`${scope}.conv`);
  const inputs = x.shape[2]!;
  const wide = expansion === 1 ? x : filtered(n, x, scopes(), { channels: inputs * expansion, size: 1, stride: 1 });
  const deep = filtered(n, wide, scopes(), { channels: 'depthwise', size: 3, stride });
  const names = { name: scopes(), batchNorm: scopes() };
  const options = { ...names, size: 1, activation: 'none', start: { he: 'fanOut' } } as const;
  const isResidual = stride === 1 && inputs === channels;
  if (!isResidual) return n.conv(deep, channels, { ...options, output: scope });
  return n.add(n.conv(deep, channels, options), x, { name: scope, activation: 'none' });
}

interface Filters {
  readonly channels: number | 'depthwise';
  readonly size: number;
  readonly stride: number;
}

/** Convolution, batch normalisation, ReLU6. */
function filtered(n: Layers, x: Value, scope: string, { channels, size, stride }: Filters): Value {
  const names = { name: `${scope}.0`, batchNorm: `${scope}.1`, output: `${scope}.2` };
  const options = { ...names, size, stride, activation: 'relu6' } as const;
  if (channels !== 'depthwise') return n.conv(x, channels, { ...options, start: { he: 'fanOut' } });
  // PyTorch does not divide by the groups, so fan-out counts all channels.
  return n.depthwise(x, { ...options, start: { normal: Math.sqrt(2 / (size * size * x.shape[2]!)) } });
}

/** Names for the parts of a sequence: `scope.0`, `scope.1`, … */
function scopesOf(scope: string): () => string {
  let next = 0;
  return () => `${scope}.${next++}`;
}
