/**
 * Kernels that pass over pixels and channels: an invocation takes one (or four) of the channels of several pixels, and
 * loads what belongs to its channels once.
 */

import type { Tensor } from '../../../graph/tensor.js';
import { workgroupSize } from '../kernel.js';
import type { Lanes } from '../lanes.js';
import { workgroupsOf } from './sums.js';

/** The workgroups of a pass over pixels and channels [..., C], at most so many along the pixels. */
export function pixelPass(x: Pick<Tensor, 'shape'>, lanes: Lanes, most: number) {
  const shape = workgroupsOf(x, lanes);
  const groups = Math.min(Math.ceil(shape.pixels / shape.down), most);
  return { ...shape, groups, workgroups: [groups, shape.columnGroups] as const };
}

/** WGSL for what an invocation has of its channels `c`, loaded once, and for each of its pixels, elements `i`. */
export function forOwnPixels(
  { perPixel, pixels, across, down, groups, isWorking }: ReturnType<typeof pixelPass>,
  channels: string,
  each: string,
): string {
  return `let c = group.y * ${across}u + t % ${across}u;
  if (${isWorking}) {
    ${channels}
    for (var pixel = group.x * ${down}u + t / ${across}u; pixel < ${pixels}u; pixel += ${groups * down}u) {
      let i = pixel * ${perPixel}u + c;
      ${each}
    }
  }`;
}

/** An entry point of `workgroupSize` invocations `t`. */
export function workgroupMain(body: string): string {
  return `@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  ${body}
}
`;
}
