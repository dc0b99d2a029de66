/**
 * DS-CNN for keyword spotting (Zhang et al. 2017, arXiv 1711.07128) as in MLPerf Tiny: github.com/mlcommons/tiny,
 * benchmark/training/keyword_spotting. Its dropout is left out, and so are the biases before batch normalisations,
 * which have no effect.
 */

import type { Define } from '../layers.js';

const channels = 64;

export function dsCnn({ classes }: { readonly classes: number }): Define {
  return (n, x) => {
    let h = n.conv(x, channels, { name: 'conv', size: [10, 4], stride: 2, padding: 'same' });
    for (let block = 1; block <= 4; block++) {
      h = n.scope(`block${block}`, () => n.conv(n.depthwise(h, { name: 'dw' }), channels, { name: 'pw', size: 1 }));
    }
    return n.linear(n.globalAverage(h), classes, { name: 'fc' });
  };
}
