/** A network of three layers for tests; not listed for users. */

import type { Define } from '../layers.js';

/** Two convolutions of stride 2 with 8 and 16 channels, and a classifier. */
export function tiny({ classes }: { readonly classes: number }): Define {
  return (n, x) => {
    const first = n.conv(x, 8, { name: 'conv1', stride: 2 });
    const second = n.conv(first, 16, { name: 'conv2', stride: 2 });
    return n.linear(n.globalAverage(second), classes, { name: 'fc' });
  };
}
