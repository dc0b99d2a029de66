/**
 * The matrix product of all three convolutions: C[m, n] = Σ_k A[m, k]·B[k, n], with A and B read on the fly from
 * tensors (implicit GEMM). A workgroup computes a tile of C. Slices of A and B pass through workgroup memory, while the
 * next ones are fetched into registers; an invocation keeps `rows` × `columns` of C in registers.
 *
 * Everything is four numbers wide: A is in workgroup memory as [k][m / 4], B as [k][n / 4]. An operand that is
 * contiguous along k is transposed in registers, four by four.
 */

import { longestDispatch, type Run } from '../kernel.js';
import type { Strip } from './imageStrip.js';

/** Invocations of a subgroup, on matrix units. */
export const subgroupSize = 32;

export interface TileShape {
  /** Rows and columns of C that a workgroup computes, and the depth of a slice. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /**
   * Rows and columns of C of one invocation: multiples of four. Its columns are groups of four neighbours, with those of the
   * other invocations of a row between them.
   */
  readonly rows: number;
  readonly columns: number;
  /**
   * On matrix units: rows and columns of subgroups, to which fragments are assigned in turn; by default a column each.
   */
  readonly subgroups?: readonly [down: number, across: number];
  /** On matrix units: numbers of parts, by rows and by columns, in which sums leave through workgroup memory; 1 by default. */
  readonly passes?: readonly [down: number, across: number];
  /** On matrix units: a slice of A serves all taps of a window (`slidingWindow.ts`). */
  readonly slides?: true;
  /** On matrix units: fragments of A are loaded from a strip of the images (`imageStrip.ts`). */
  readonly strips?: true;
  /**
   * On matrix units: a slice is fetched when it is needed, not during the products of the previous one, which frees
   * registers, and room for other workgroups that multiply in the meantime.
   */
  readonly waits?: true;
  /** On matrix units: tiles of whole rows of images that a workgroup takes one after another (`rowTiles.ts`). */
  readonly inTurn?: number;
  /** No product of matrices: an invocation computes its pixels directly (`depthwise.ts`). */
  readonly isDirect?: true;
}

/** WGSL for the position in the tile of row i of an invocation; uses `down`. */
export function rowInTile({ m, rows, passes: [passes] = [1, 1] }: TileShape, i: number): string {
  const rowsAtOnce = rows / passes;
  return `${(Math.floor(i / rowsAtOnce) * m) / passes}u + down * ${rowsAtOnce}u + ${i % rowsAtOnce}u`;
}

/** WGSL for the position in the tile, counted in fours, of the four columns j of an invocation; uses `across`. */
export function quadInTile({ n, columns }: TileShape, j: number): string {
  return j === 0 ? 'across' : `across + ${(j * n) / columns}u`;
}

/** A factor as read by the shader. */
export interface TileSource {
  /** The index along which four neighbours in memory differ: k, or m (of A) or n (of B). */
  readonly along: 'k' | 'across';
  /** Vector type of a load: four or eight neighbours. */
  readonly run: Pick<Run, 'width' | 'type' | 'halves'>;
  /** Declarations that the loads need. */
  readonly declarations: string;
  /**
   * WGSL for a value that depends only on the position across (row m of A, column n of B) and on the offset of k
   * `within` its slice, computed before the loop; null for none.
   */
  readonly prepare: ((position: string, within: string) => string) | null;
  /**
   * WGSL before the loads of a slice, the same for all invocations; uses its first k, `slice`. That of A comes first.
   */
  readonly perSlice?: string;
  /** WGSL that writes data for a slice's loads to workgroup memory; uses the invocation, `t`. */
  readonly ahead?: (slice: string) => string;
  /** WGSL for a run: at k, k + 1, … of one position across, or at one k of positions in a row. */
  readonly load: (prepared: string, position: string, k: string, within: string) => string;
  /**
   * WGSL that tells whether a run is in the matrix, for loads that do not give zero outside of it: they must not look at
   * numbers, which would have to arrive first.
   */
  readonly exists?: TileSource['load'];
}

export interface TileProduct {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly shape: TileShape;
  /** Parts computed by separate workgroups (`group.z`): the sum over k is split unless `range` says otherwise. */
  readonly splits: number;
  /** WGSL for the first k and the last k + 1 of a part, the first a multiple of the slice. */
  readonly range?: { readonly begin: string; readonly end: string };
  /** WGSL at the beginning; uses `group`. */
  readonly prologue?: string;
  readonly a: TileSource;
  readonly b: TileSource;
  /** On matrix units: powers of two that bring a factor's magnitudes, such as a gradient's, near 1; absent for 1. */
  readonly scaledA?: number;
  readonly scaledB?: number;
  /** On matrix units: taps that share a slice of A, in which each reads its factor at shifted positions. */
  readonly sliding?: SlidingTaps;
  /** WGSL for the place at which a row of C is stored, such as that of a pixel; by default the row itself. */
  readonly place?: (row: string) => string;
  /** WGSL for loads from there, by the names by which `store` has them. */
  readonly ahead?: Readonly<Record<string, (place: string, column: string) => string>>;
  /** WGSL for four neighbours of a row of C, stored at its place; all are names. */
  readonly store: (place: string, column: string, value: string) => string;
  readonly epilogue?: Epilogue;
}

/** WGSL that computes with C after the stores. */
export interface Epilogue {
  readonly declarations: string;
  /** Vectors of four in workgroup memory that it needs. */
  readonly vectors: number;
  /**
   * WGSL; uses `accumulator(i, j)`, rows i and fours j of an invocation, the places of its rows (`placeOf`), and the array
   * `memory`, which all have left.
   */
  readonly code: (accumulator: (row: number, quad: number) => string, memory: string) => string;
}

/**
 * Taps of a window that share a slice of A. If A is contiguous along k the taps are part of the sum: a slice has
 * `reach` more rows than the tile, and B's slice has the taps one after another. Otherwise the taps are part of the
 * tile's rows: a slice is `reach` deeper, and has the columns of one tap.
 */
export interface SlidingTaps {
  readonly taps: number;
  /** Distance of the last tap from the first. */
  readonly reach: number;
  /** WGSL for a tap's distance from the first position of the slice. */
  readonly shift: (tap: string) => string;
}

/** A product on matrix units whose A is a strip of the images. */
export interface StripProduct extends Omit<TileProduct, 'a' | 'sliding'> {
  readonly a: Strip;
}

function invocations({ m, n, rows, columns }: TileShape): number {
  return (m / rows) * (n / columns);
}

/** Bytes of workgroup memory for the slices. */
export function sliceBytes({ m, n, k }: TileShape): number {
  return 16 * k * (m / 4 + 1 + n / 4 + 1);
}

/** The values that determine the workgroups of a product. */
type Tiling = Pick<TileProduct, 'm' | 'n' | 'shape' | 'splits'>;

/**
 * Workgroups of the product: tiles of rows along x, of columns along y, parts along z. If there are more tiles of rows
 * than a dispatch is long, they are folded into y, over those of columns.
 */
export function tileDispatch(tiling: Tiling): readonly [x: number, y: number, z: number] {
  const { down, across, folds } = tilesOf(tiling);
  return [Math.ceil(down / folds), across * folds, tiling.splits];
}

/**
 * The name of the builtin `workgroup_id` in a product's kernel, and WGSL that computes `group` from it: tile of rows,
 * tile of columns, part. Workgroups behind the last tile of a fold return.
 */
export function tileGroup(tiling: Tiling): { readonly builtin: string; readonly group: string } {
  const { down, across, folds } = tilesOf(tiling);
  if (folds === 1) return { builtin: 'group', group: '' };
  const [width] = tileDispatch(tiling);
  return {
    builtin: 'folded',
    group: `let group = vec3u(folded.x + folded.y / ${across}u * ${width}u, folded.y % ${across}u, folded.z);
  if (group.x >= ${down}u) { return; }`,
  };
}

function tilesOf({ m, n, shape }: Tiling): { down: number; across: number; folds: number } {
  const down = Math.ceil(m / shape.m);
  return { down, across: Math.ceil(n / shape.n), folds: Math.ceil(down / longestDispatch) };
}

/** Depth of one part of the sum, a multiple of the slice. */
function splitDepth({ k, shape, splits }: Pick<TileProduct, 'k' | 'shape' | 'splits'>): number {
  return Math.ceil(k / splits / shape.k) * shape.k;
}

/** The part of the sum that a workgroup computes, as WGSL. */
export function sumRange(product: Pick<TileProduct, 'k' | 'shape' | 'splits' | 'range'>): {
  readonly begin: string;
  readonly end: string;
} {
  const { k, splits, range } = product;
  if (range) return range;
  if (splits === 1) return { begin: '0u', end: `${k}u` };
  const depth = splitDepth(product);
  return { begin: `group.z * ${depth}u`, end: `min(group.z * ${depth}u + ${depth}u, ${k}u)` };
}

/** The sources' code in both kernels: declarations, code before the loop, a slice, the next one, this one. */
export function sourceCode({ a, b, shape, prologue, epilogue }: TileProduct | StripProduct) {
  const sources: readonly Pick<TileSource, 'declarations' | 'ahead' | 'perSlice'>[] = [a, b];
  const ahead = (slice: string) => sources.flatMap((source) => source.ahead?.(slice) ?? []).join('\n    ');
  const now = (slice: string) => ahead(slice) && `${ahead(slice)}\n  workgroupBarrier();`;
  return {
    declarations: [a.declarations, b.declarations, epilogue?.declarations ?? ''].join('\n'),
    prologue: prologue ?? '',
    first: now('begin'),
    perSlice: sources.flatMap((source) => source.perSlice ?? []).join('\n      '),
    ahead: ahead(`slice + ${shape.k}u`),
    now: now('slice'),
  };
}

/** The name of the place of row i of an invocation. */
export function placeOf(i: number): string {
  return `storedAt_${i}`;
}

/** WGSL that declares the places of an invocation's rows, once for all of its columns; uses `down`. */
export function declarePlaces({ shape, place = (row) => row }: Pick<TileProduct, 'shape' | 'place'>): string {
  const declare = (i: number) =>
    `let row_${i} = firstA + ${rowInTile(shape, i)}; let ${placeOf(i)} = ${place(`row_${i}`)};`;
  return [...Array(shape.rows).keys()].map(declare).join('\n  ');
}

type Stored = Pick<TileProduct, 'shape' | 'ahead' | 'store'>;

/** WGSL for what storing row i and columns j of an invocation loads; uses `across`. */
export function loadAhead({ shape, ahead = {} }: Stored, i: number, j: number): string {
  const column = `(firstB + 4u * (${quadInTile(shape, j)}))`;
  return Object.entries(ahead)
    .map(([name, load]) => `let ${name}_${i}_${j} = ${load(placeOf(i), column)};`)
    .join(' ');
}

/** WGSL that stores a value of row i and columns j of an invocation, behind `loadAhead`; uses `across`. */
export function storeFour({ shape, ahead = {}, store }: Stored, i: number, j: number, value: string): string {
  const loaded = Object.keys(ahead).map((name) => `let ${name} = ${name}_${i}_${j};`);
  return `{ let column = firstB + 4u * (${quadInTile(shape, j)}); ${loaded.join(' ')}
    ${store(placeOf(i), 'column', value)} }`;
}

export function tileProduct(product: TileProduct): string {
  const { shape, epilogue } = product;
  const source = sourceCode(product);
  const { begin, end } = sumRange(product);
  const { builtin, group } = tileGroup(product);
  const threads = invocations(shape);
  const a = stager('A', product.a, shape.m, shape.k, threads);
  const b = stager('B', product.b, shape.n, shape.k, threads);
  const rowQuads = shape.rows / 4;
  const quads = shape.columns / 4;
  const accumulator = (row: number, quad: number) => `c_${row}_${quad}`;
  const each = <T>(count: number, write: (index: number) => T) => [...Array(count).keys()].map(write);
  return `${source.declarations}
var<workgroup> sliceA: array<vec4f, ${shape.k * (shape.m / 4 + 1)}>;
var<workgroup> sliceB: array<vec4f, ${shape.k * (shape.n / 4 + 1)}>;
${epilogue ? `var<workgroup> sums: array<vec4f, ${epilogue.vectors}>;` : ''}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) ${builtin}: vec3u, @builtin(local_invocation_index) t: u32) {
  ${group}
  ${source.prologue}
  let firstA = group.x * ${shape.m}u;
  let firstB = group.y * ${shape.n}u;
  let down = t / ${shape.n / shape.columns}u;
  let across = t % ${shape.n / shape.columns}u;
  ${each(shape.rows, (i) => each(quads, (j) => `var ${accumulator(i, j)} = vec4f();`).join(' ')).join('\n  ')}
  ${a.prepare}
  ${b.prepare}
  let begin = ${begin};
  let end = ${end};
  ${source.first}
  for (var slice = begin; ; slice += ${shape.k}u) {
    if (slice < end) {
      ${source.perSlice}
      ${a.fetch}
      ${b.fetch}
    }
    if (slice > begin) {
    for (var k = 0u; k < ${shape.k}u; k++) {
      ${each(rowQuads, (i) => `let a_${i} = sliceA[k * ${shape.m / 4 + 1}u + down * ${rowQuads}u + ${i}u];`).join('\n      ')}
      ${each(quads, (j) => `let b_${j} = sliceB[k * ${shape.n / 4 + 1}u + ${quadInTile(shape, j)}];`).join('\n      ')}
      ${each(shape.rows, (i) =>
        each(
          quads,
          (j) => `${accumulator(i, j)} = fma(vec4f(a_${i >> 2}[${i & 3}]), b_${j}, ${accumulator(i, j)});`,
        ).join(' '),
      ).join('\n      ')}
    }
    }
    if (slice >= end) { break; }
    workgroupBarrier();
    ${a.keep}
    ${b.keep}
    ${source.ahead}
    workgroupBarrier();
  }
  ${declarePlaces(product)}
  ${each(shape.rows, (i) =>
    each(quads, (j) => `${loadAhead(product, i, j)} ${storeFour(product, i, j, accumulator(i, j))}`).join('\n  '),
  ).join('\n  ')}
  ${epilogue?.code(accumulator, 'sums') ?? ''}
}
`;
}

/** The code that brings slices of a factor into workgroup memory; each invocation has fixed positions. */
function stager(name: 'A' | 'B', source: TileSource, across: number, depth: number, threads: number) {
  const stride = across / 4 + 1;
  const transposed = source.along === 'k';
  const perStep = transposed ? depth / 4 : across / 4;
  const places = transposed ? (across / 4) * (depth / 4) : (across / 4) * depth;
  const rounds = Math.ceil(places / threads);
  const guard = (round: number, code: string) =>
    places % threads === 0 || (round + 1) * threads <= places
      ? code
      : `if (place${name}${round} < ${places}u) { ${code} }`;
  const prepare: string[] = [];
  const fetch: string[] = [];
  const keep: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const id = `${name}${round}`;
    // If memory is contiguous along k, neighbours fetch neighbouring k, otherwise neighbouring quads across.
    prepare.push(
      `let place${id} = t + ${round * threads}u;`,
      `let quad${id} = place${id} ${transposed ? '/' : '%'} ${perStep}u;`,
      `let depth${id} = place${id} ${transposed ? '%' : '/'} ${perStep}u;`,
    );
    const vectors = transposed ? 4 : 1;
    const loads: string[] = [];
    const masks: string[] = [];
    for (let j = 0; j < vectors; j++) {
      const position = `(first${name} + 4u * quad${id} + ${j}u)`;
      const within = transposed ? `(4u * depth${id})` : `depth${id}`;
      if (source.prepare) prepare.push(`let at${id}_${j} = ${source.prepare(position, within)};`);
      prepare.push(`var next${id}_${j} = vec4f();`);
      const place = [`at${id}_${j}`, position, `(slice + ${within})`, within] as const;
      loads.push(`next${id}_${j} = ${source.load(...place)};`);
      if (!source.exists) continue;
      prepare.push(`var exists${id}_${j} = false;`);
      loads.push(`exists${id}_${j} = ${source.exists(...place)};`);
      masks.push(`next${id}_${j} = select(vec4f(), next${id}_${j}, exists${id}_${j});`);
    }
    fetch.push(guard(round, loads.join(' ')));
    const place = (step: string) => `slice${name}[${step} * ${stride}u + quad${id}]`;
    const stores = transposed
      ? [0, 1, 2, 3].map((j) => {
          const column = [0, 1, 2, 3].map((row) => `next${id}_${row}[${j}]`).join(', ');
          return `${place(`(4u * depth${id} + ${j}u)`)} = vec4f(${column});`;
        })
      : [`${place(`depth${id}`)} = next${id}_0;`];
    keep.push(guard(round, [...masks, ...stores].join(' ')));
  }
  return { prepare: prepare.join('\n  '), fetch: fetch.join('\n      '), keep: keep.join('\n    ') };
}
