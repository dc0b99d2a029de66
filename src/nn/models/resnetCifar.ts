/**
 * ResNets for 32×32 images (He et al. 2016, section 4.2): a 3×3 convolution, three groups of n blocks with 16, 32 and
 * 64 channels, global average pooling, a classifier; 6n + 2 layers. Names are those of the published NNabla code.
 */

import type { Layers, Value } from '../layerCalls.js';
import type { Define } from '../layers.js';

export interface ResnetCifarOptions {
  /** Layers: 20, 32, 44, 56, 110. */
  readonly depth: number;
  /** '': every second pixel, padded with zero channels; 'b': 1×1 convolution where channels change; 'c': always. */
  readonly shortcutType: '' | 'b' | 'c';
  readonly classes: number;
  /** Multiplies the logits by a learned number. */
  readonly scaleLayer: boolean;
  /** Factor for the numbers of channels, which are rounded. */
  readonly widthMultiplier: number;
}

export function resnetCifar(options: ResnetCifarOptions): Define {
  const { depth, shortcutType, classes, scaleLayer, widthMultiplier } = options;
  const blocks = (depth - 2) / 6;
  const wide = (channels: number) => Math.max(1, Math.round(channels * widthMultiplier));
  return (n, x) => {
    let h = n.conv(x, wide(16), { name: 'conv1' });
    for (const [group, channels] of [16, 32, 64].map(wide).entries()) {
      for (let layer = 0; layer < blocks; layer++) {
        const stride = group > 0 && layer === 0 ? 2 : 1;
        h = block(n, h, `res${group + 1}/layer${layer + 1}`, channels, stride, shortcutType);
      }
    }
    const logits = n.linear(n.globalAverage(h), classes, { name: 'fc' });
    return scaleLayer ? n.scale(logits, { name: 'fc/scale_layer' }) : logits;
  };
}

function block(
  n: Layers,
  x: Value,
  scope: string,
  channels: number,
  stride: number,
  shortcutType: ResnetCifarOptions['shortcutType'],
): Value {
  const hidden = n.conv(x, channels, { name: `${scope}/basicblock1`, stride });
  const main = n.conv(hidden, channels, { name: `${scope}/basicblock2`, activation: 'none' });
  const isWider = channels > x.shape[2]!;
  let shortcut = x;
  if (shortcutType === 'c' || (shortcutType === 'b' && isWider)) {
    const name = `${scope}/basicblock_s`;
    const options = { name: `${name}/shortcut_conv`, output: name, activation: 'none' } as const;
    shortcut = n.conv(x, channels, { ...options, size: 1, stride });
  } else if (isWider) {
    shortcut = n.subsample(x, { stride, channels });
  }
  return n.add(main, shortcut, { name: scope });
}
