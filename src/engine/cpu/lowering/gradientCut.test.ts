import { expect, it } from 'vitest';
import { cutGradient } from './gradientCut.js';

it.each([3, 4, 6, 8, 10, 12, 64])('blocks of %i input channels are whole tiles of four, or all channels', (depth) => {
  for (const channels of [8, 16, 64]) {
    for (const budget of [1, 1e4, 1e7]) {
      const { blockDepth, depthBlocks } = cutGradient(depth, channels, 4 * 9 * depth * channels, budget);
      const areTiles = blockDepth % 4 === 0 && depth % 4 === 0;
      expect(areTiles || blockDepth === depth, `${depth} in blocks of ${blockDepth}`).toBe(true);
      expect((depthBlocks - 1) * blockDepth).toBeLessThan(depth);
      expect(depthBlocks * blockDepth).toBeGreaterThanOrEqual(depth);
    }
  }
});
