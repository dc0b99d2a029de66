/** The workgroups of products, without running them. */

import { describe, expect, it } from 'vitest';
import { longestDispatch } from '../kernel.js';
import { tileDispatch, tileGroup } from './convolutionTile.js';

const shape = { m: 64, n: 64, k: 16, rows: 4, columns: 4 };

describe('workgroups of a product', () => {
  it('lie along x and y where a dispatch is long enough', () => {
    const tiling = { m: 64 * longestDispatch, n: 130, shape, splits: 2 };
    expect(tileDispatch(tiling)).toEqual([longestDispatch, 3, 2]);
    expect(tileGroup(tiling)).toEqual({ builtin: 'group', group: '' });
  });

  // The first convolution of ResNet-18 at 224 pixels, from batch 336 on.
  it('are folded where there are more tiles of rows, and reach every tile once', () => {
    const tiling = { m: 336 * 112 * 112, n: 130, shape, splits: 1 };
    const [x, y, z] = tileDispatch(tiling);
    expect([x, y, z].every((size) => size <= longestDispatch)).toBe(true);
    const tiles = Math.ceil(tiling.m / shape.m);
    const reached = new Uint8Array(3 * tiles);
    const { builtin, group } = tileGroup(tiling);
    expect(builtin).toBe('folded');
    const numbers = [...group.matchAll(/\b(\d+)u/g)].map(([, digits]) => Number(digits));
    expect(group).toBe(
      `let group = vec3u(folded.x + folded.y / ${numbers[0]}u * ${numbers[1]}u, folded.y % ${numbers[2]}u, folded.z);
  if (group.x >= ${numbers[3]}u) { return; }`,
    );
    const [across, width, modulus, end] = numbers as [number, number, number, number];
    for (let column = 0; column < y; column++) {
      for (let row = 0; row < x; row++) {
        const tile = row + Math.floor(column / across) * width;
        if (tile < end) reached[3 * tile + (column % modulus)]!++;
      }
    }
    expect(reached.every((times) => times === 1)).toBe(true);
  });
});
