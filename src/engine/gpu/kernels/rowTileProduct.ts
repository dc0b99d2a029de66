/** The kernel of tiles of whole rows of images (`rowTiles.ts`). */

import { float, type MatrixUnits, type Operand } from '../kernel.js';
import { lanesFor } from '../lanes.js';
import { fragmentAliases, type Stager, stager } from './matrixTile.js';
import { fragment, passSize } from './matrixTileShapes.js';
import { ownMoments, rowCount, rowPerPixel } from './moments.js';
import { distanceInRows, positionInRows, rowsSeen } from './rowsSeen.js';
import { slicesOf } from './rowTileShapes.js';
import { type Load, type RowTile, type RowTileEnd, type RowTileProduct, threadsOf } from './rowTiles.js';
import { storeComponents } from './sums.js';

/** The moments of the results, as [workgroups][sum, squared deviations][n]. */
export function momentsEnd({ m, n, inTurn }: RowTile, pixels: number, partials: Operand): RowTileEnd {
  const rows = rowPerPixel(pixels, m * inTurn);
  return {
    declarations: '',
    begin: ownMoments.declare('vec4f'),
    each: (index, value, store) => `${store(index, value)} ${ownMoments.add(value)}`,
    end: (array, shape) => `workgroupBarrier();
  ${ownMoments.combine(array, shape, rowCount(rows, `(group.x * ${m * inTurn}u)`, m * inTurn))}
  if (t < ${shape.across}u) {
    let at = group.x * ${2 * n}u + 4u * t;
    ${storeComponents(lanesFor(n), partials, 'at', 'total')}
    ${storeComponents(lanesFor(n), partials, `at + ${n}u`, `${array}[t]`)}
  }`,
  };
}

/** A product whose rows are pixels: forward, or the input gradient. */
export function rowTileProduct(product: RowTileProduct, { precision }: MatrixUnits): string {
  const { sizes, shape, direction, weights, store, end } = product;
  const { m, n, k, inTurn, passes: [passes] = [1, 1] } = shape;
  const [subgroups] = shape.subgroups;
  const threads = threadsOf(shape);
  const { outputWidth: width, outputPixels } = sizes;
  const slices = slicesOf(sizes, shape, direction);
  const rows = rowsSeen(product, { channels: k, direction, along: 'k' });
  const a = stager('A', rows, slices.a, threads, product.scaledA, precision);
  const b = stager('B', weights, slices.b, threads, product.scaledB, precision);
  const passing = passSize(shape);
  const quads = n / 4;
  const each = (count: number) => [...Array(count).keys()];
  const rounds = each(m / fragment / subgroups);
  const columns = each(n / fragment);
  const unscale = float(1 / ((product.scaledA ?? 1) * (product.scaledB ?? 1)));
  const weightsAt = (tap: number, j: number, depth: number) =>
    direction === 'forward'
      ? `${(tap * k + depth) * b.stride + (j * fragment) / 4}u`
      : `${(tap * n + j * fragment) * b.stride + depth / 4}u`;
  const multiply = each(sizes.taps)
    .flatMap((tap) =>
      each(k / fragment).map((step) => {
        const depth = step * fragment;
        const from = distanceInRows(sizes, tap, direction) * a.stride + depth / 4;
        const rights = columns.map((j) => `let right_${j} = ${b.load('Right', 'High', weightsAt(tap, j, depth))};`);
        const products = rounds.map((i) => {
          const sums = columns.map(
            (j) => `sum_${i}_${j} = subgroupMatrixMultiplyAccumulate(left_${i}, right_${j}, sum_${i}_${j});`,
          );
          return `let left_${i} = ${a.load('Left', 'High', `left_at_${i} + ${from}u`, sizes.rows.stride)}; ${sums.join(' ')}`;
        });
        return `{ ${[...rights, ...products].join('\n      ')} }`;
      }),
    )
    .join('\n    ');
  const reads = each((passing.rows * quads) / threads);
  const indexOf = (place: number) => `row * ${(width * n) / 4}u + ${place * threads}u + t`;
  // What else is read for the results is loaded before the products, which it need not wait for.
  const ahead = Object.entries<Load>({ ...(product.addend && { addend: product.addend }), ...end?.ahead });
  const fetchAhead = each(passes * reads.length).flatMap((place) =>
    ahead.map(([name, load]) => `let ${name}_${place} = ${load(indexOf(place))};`),
  );
  const four = (place: number) => {
    const value = product.addend ? 'value + addend' : 'value';
    return `${ahead.map(([name]) => `let ${name} = ${name}_${place};`).join(' ')}
      ${end?.each(indexOf(place), value, store) ?? store(indexOf(place), value)}`;
  };
  // Where there are more passes than rounds, some subgroups stage theirs in each.
  const perRound = Math.max(1, passes / rounds.length);
  const pass = (index: number) => {
    const staged = rounds.slice((index * rounds.length) / passes, Math.ceil(((index + 1) * rounds.length) / passes));
    const stage = staged
      .flatMap((i) =>
        columns.map(
          (j) =>
            `subgroupMatrixStore<row_major>(&sums, (tileRow_${i} * ${fragment}u - ${index * passing.rows}u) * ${passing.stride}u + ${(j * fragment) / 4}u, sum_${i}_${j}, ${passing.stride}u);`,
        ),
      )
      .join('\n    ');
    return `${index > 0 ? 'workgroupBarrier();' : ''}
    ${perRound > 1 ? `if (subgroup / ${subgroups / perRound}u == ${index % perRound}u) { ${stage} }` : stage}
    workgroupBarrier();
    ${reads
      .map(
        (round) => `{
      let value = ${unscale} * sums[(down + ${(round * threads) / quads}u) * ${passing.stride}u + across];
      ${four(index * reads.length + round)}
    }`,
      )
      .join('\n    ')}`;
  };
  return `${rows.declarations}
${weights.declarations}
${a.declarations}
${b.declarations}
${end?.declarations ?? ''}
var<workgroup> sums: array<vec4f, ${passing.rows * passing.stride}>;
${fragmentAliases}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32, @builtin(subgroup_id) subgroup: u32) {
  let firstA = 0u;
  let firstB = 0u;
  ${rounds
    .map(
      (i) => `let tileRow_${i} = subgroup + ${i * subgroups}u;
  let left_at_${i} = ${positionInRows(sizes, `tileRow_${i}`)} * ${a.stride}u;`,
    )
    .join('\n  ')}
  let down = t / ${quads}u;
  let across = t % ${quads}u;
  ${allAtOnce(b)}
  ${a.prepare}
  let begin = group.x * ${(inTurn * m) / width}u;
  let end = min(begin + ${(inTurn * m) / width}u, ${outputPixels / width}u);
  ${end?.begin ?? ''}
  { let slice = begin; ${rows.perSlice}
    ${a.fetch} }
  for (var row = begin; row < end; row += ${m / width}u) {
    ${a.keep}
    workgroupBarrier();
    let slice = row + ${m / width}u;
    if (slice < end) { ${rows.perSlice}
      ${a.fetch} }
    ${fetchAhead.join('\n    ')}
    ${rounds.flatMap((i) => columns.map((j) => `var sum_${i}_${j} = Result();`)).join(' ')}
    ${multiply}
    ${each(passes).map(pass).join('\n    ')}
  }
  ${end?.end('sums', { across: quads, down: threads / quads }) ?? ''}
}
`;
}

/** WGSL that brings a slice into workgroup memory before all others. */
function allAtOnce({ prepare, fetch, keep }: Stager): string {
  return `{ let slice = 0u;
    ${prepare}
    ${fetch}
    ${keep} }`;
}
