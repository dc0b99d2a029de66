/**
 * Weight gradients of convolutions with few channels, on matrix units: a workgroup takes tiles of whole rows of
 * the images and of the upstream gradient in turn, as in `rowTiles.ts`. A subgroup keeps the sums of all taps for 16 × 16
 * channels, so that it loads a fragment of the gradient once for all of them; where there are fewer such blocks than
 * subgroups, several share one, with fragments of pixels in turn.
 */

import { float, type MatrixUnits, type Operand } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import type { TileSource } from './convolutionTile.js';
import { fragmentAliases, stager } from './matrixTile.js';
import { fragment } from './matrixTileShapes.js';
import { distanceInRows, positionInRows, rowsSeen } from './rowsSeen.js';
import { slicesOf, stagedRow } from './rowTileGradientShapes.js';
import { type RowTile, threadsOf } from './rowTiles.js';

export interface RowTileGradient {
  readonly sizes: ConvolutionSizes;
  readonly shape: RowTile;
  /** The images. */
  readonly x: Operand;
  readonly dy: Operand;
  readonly scaledB: number;
  /** WGSL that stores four neighbours, number `index` of the gradients of workgroups, one behind the other. */
  readonly store: (index: string, value: string) => string;
  /** WGSL of the workgroups behind so many, which add up other sums (`addedSums`). */
  readonly beside: { readonly from: number; readonly declarations: string; readonly code: string } | null;
}

/** Each workgroup's part of the weights' gradient. */
export function rowTileGradient(gradient: RowTileGradient, units: MatrixUnits): string {
  const { sizes, shape, x, dy, scaledB, store, beside } = gradient;
  const { n, k: pixels, inTurn } = shape;
  const [subgroups] = shape.subgroups;
  const { outputWidth: width, outputPixels, inputChannels, taps } = sizes;
  const threads = threadsOf(shape);
  const slices = slicesOf(sizes, pixels);
  const images = rowsSeen({ sizes, x }, { channels: inputChannels, direction: 'forward', along: 'across' });
  const upstream = upstreamRows(dy, n, width);
  const a = stager('A', images, slices.a, threads, undefined, units.precision);
  const b = stager('B', upstream, slices.b, threads, scaledB, units.precision);
  const across = n / fragment;
  const blocks = (inputChannels / fragment) * across;
  const sharing = subgroups / blocks;
  const each = <T>(count: number, write: (index: number) => T) => [...Array(count).keys()].map(write);
  const products = each(taps, (tap) => {
    const from = distanceInRows(sizes, tap, 'forward') * a.stride;
    return `{ let left = ${a.load('Left', 'High', `leftAt + ${from}u`, sizes.rows.stride)}; sum_${tap} = subgroupMatrixMultiplyAccumulate(left, right, sum_${tap}); }`;
  });
  const fetch = `${images.perSlice}
    ${a.fetch}
    ${b.fetch}`;
  const staged = (sharer: number) =>
    `sums[(${sharer * blocks}u * ${fragment}u + place / 4u) * ${stagedRow}u + place % 4u]`;
  const perTap = blocks * fragment * 4;
  const storeTap = (
    tap: number,
  ) => `subgroupMatrixStore<row_major>(&sums, subgroup * ${fragment * stagedRow}u, sum_${tap}, ${stagedRow}u);
  workgroupBarrier();
  for (var place = t; place < ${perTap}u; place += ${threads}u) {
    let value = ${float(1 / scaledB)} * (${each(sharing, staged).join(' + ')});
    ${store(`(group.x * ${taps}u + ${tap}u) * ${(inputChannels * n) / 4}u + storedAt(place)`, 'value')}
  }
  ${tap < taps - 1 ? 'workgroupBarrier();' : ''}`;
  return `${images.declarations}
${upstream.declarations}
${a.declarations}
${b.declarations}
var<workgroup> sums: array<vec4f, ${subgroups * fragment * stagedRow}>;
${fragmentAliases}
fn storedAt(place: u32) -> u32 {
  let block = place / ${fragment * 4}u;
  let row = block / ${across}u * ${fragment}u + place / 4u % ${fragment}u;
  return row * ${n / 4}u + block % ${across}u * ${fragment / 4}u + place % 4u;
}
${beside ? `${beside.declarations}\nfn addUp(group: vec3u, t: u32) {\n  ${beside.code}\n}` : ''}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32, @builtin(subgroup_id) subgroup: u32) {
  ${beside ? `if (group.x >= ${beside.from}u) { addUp(vec3u(group.x - ${beside.from}u, 0u, 0u), t); return; }` : ''}
  let firstA = 0u;
  let firstB = 0u;
  let blockRow = subgroup % ${blocks}u / ${across}u;
  let blockColumn = subgroup % ${across}u;
  ${a.prepare}
  ${b.prepare}
  ${each(taps, (tap) => `var sum_${tap} = Result();`).join(' ')}
  let begin = group.x * ${(inTurn * pixels) / width}u;
  let end = min(begin + ${(inTurn * pixels) / width}u, ${outputPixels / width}u);
  { let slice = begin; ${fetch} }
  for (var row = begin; row < end; row += ${pixels / width}u) {
    if (row > begin) { workgroupBarrier(); }
    ${a.keep}
    ${b.keep}
    workgroupBarrier();
    let slice = row + ${pixels / width}u;
    if (slice < end) { ${fetch} }
    for (var i = subgroup / ${blocks}u; i < ${pixels / fragment}u; i += ${sharing}u) {
      let leftAt = ${positionInRows(sizes, 'i')} * ${a.stride}u + blockRow * ${fragment / 4}u;
      let right = ${b.load('Right', 'High', `i * ${fragment * b.stride}u + blockColumn * ${fragment / 4}u`)};
      ${products.join('\n      ')}
    }
  }
  ${each(taps, storeTap).join('\n  ')}
}
`;
}

/** The upstream gradient of a tile's rows. */
function upstreamRows({ run }: Operand, channels: number, width: number): TileSource {
  const perPixel = channels / run.width;
  return {
    along: 'across',
    run,
    declarations: '',
    prepare: (position, within) => `${within} * ${perPixel}u + ${position} / ${run.width}u`,
    load: (at) => run.load(`${at} + slice * ${width * perPixel}u`),
  };
}
