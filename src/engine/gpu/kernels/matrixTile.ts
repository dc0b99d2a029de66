/**
 * The matrix product of `convolutionTile.ts` on a GPU's matrix units ("tensor cores"): f16 operands, float32 sums.
 *
 * Slices of A and B are rounded to f16 on their way into workgroup memory, unless they are stored that way. Values
 * quantized with up to 11 bits and a power-of-two step lose nothing by that, so their products are exact. A factor may
 * first be multiplied by a power of two that brings it into f16's range. With `float16x2` each operand becomes two
 * halves, high and low, and a product the sum of three: low times low would be below float32's last bit (Ootomo and
 * Yokota, arXiv 2203.03341).
 *
 * If a tile slides (`slidingWindow.ts`) fragments of A are loaded from one slice for every tap, at shifted positions.
 *
 * A subgroup has some rows and columns of 16 × 16 fragments; more columns need fewer loads. The sums go through
 * workgroup memory to the invocations, which store them as the float32 kernel does.
 *
 * See the proposal `chromium_experimental_subgroup_matrix` of Dawn.
 */

import { float, type MatrixUnits } from '../kernel.js';
import type { StripProduct, TileProduct, TileSource } from './convolutionTile.js';
import {
  declarePlaces,
  loadAhead,
  quadInTile,
  sourceCode,
  storeFour,
  subgroupSize,
  sumRange,
  tileGroup,
} from './convolutionTile.js';
import type { Strip } from './imageStrip.js';
import {
  fragment,
  halvesOf,
  passSize,
  rowVectors,
  type SliceSize,
  sliceSizes,
  sliceVectors,
} from './matrixTileShapes.js';

export const matrixDirectives = 'enable f16;\nenable chromium_experimental_subgroup_matrix;\n';

/** Types of fragments: of the factors, and of sums. */
export const fragmentAliases = `alias Left = subgroup_matrix_left<f16, ${fragment}, ${fragment}>;
alias Right = subgroup_matrix_right<f16, ${fragment}, ${fragment}>;
alias Result = subgroup_matrix_result<f32, ${fragment}, ${fragment}>;`;

/**
 * The bits of float32 that f16 holds. Truncated rather than rounded: NVIDIA's compiler takes a number rounded to f16
 * and back for the number itself, which leaves nothing for the low half.
 */
const upperBits = `fn upperBits(v: vec4f) -> vec4f { return bitcast<vec4f>(bitcast<vec4u>(v) & vec4u(0xffffe000u)); }`;

export function matrixTileProduct(product: TileProduct | StripProduct, { precision }: MatrixUnits): string {
  const { shape, epilogue, scaledA, scaledB } = product;
  const sliding = 'sliding' in product ? product.sliding : undefined;
  const slice = sliceSizes({ shape, a: product.a, b: product.b, ...(sliding && { sliding }) });
  const source = sourceCode(product);
  const { begin, end } = sumRange(product);
  const { builtin, group } = tileGroup(product);
  const halves = halvesOf[precision];
  const columnTiles = shape.n / fragment;
  const [subgroupRows, subgroupColumns] = shape.subgroups ?? [4 / columnTiles, columnTiles];
  const threads = subgroupSize * subgroupRows * subgroupColumns;
  const { passes: [passesDown, passesAcross] = [1, 1] } = shape;
  const rowTiles = shape.m / fragment;
  const each = <T>(count: number, write: (index: number) => T) => [...Array(count).keys()].map(write);
  const rounds = each(Math.ceil(rowTiles / subgroupRows), (i) => i);
  const columnRounds = each(columnTiles / subgroupColumns, (j) => j);
  const isEven = rowTiles % subgroupRows === 0;
  const strip = 'pixels' in product.a ? product.a : null;
  const a =
    'pixels' in product.a
      ? stripStager(product.a, threads)
      : stager('A', product.a, slice.a, threads, scaledA, precision);
  const b = stager('B', product.b, slice.b, threads, scaledB, precision);
  const passing = passSize(shape);
  const blocks = (shape.m / shape.rows) * (shape.n / shape.columns);
  const quads = shape.columns / 4;
  const accumulator = (row: number, quad: number) => `c_${row}_${quad}`;
  const alongK = product.a.along === 'k';
  const tapsInSum = sliding && alongK ? sliding : null;
  const leftRow = (i: number) => {
    if (!sliding) return `tileRow_${i} * ${fragment / 4}u`;
    const perTap = slice.a.across / fragment;
    const shift = sliding.shift(`(tileRow_${i} / ${perTap}u)`);
    return `(${shift}) * ${a.stride}u + tileRow_${i} % ${perTap}u * ${fragment / 4}u`;
  };
  const leftAt = (i: number, k: number) => {
    if (strip) return strip.at(`tileRow_${i}`, shape.waits ? 'slice' : `(slice - ${shape.k}u)`, k);
    return alongK
      ? `(tileRow_${i} * ${fragment}u${tapsInSum ? ' + shift' : ''}) * ${a.stride}u + ${k / 4}u`
      : `leftRow_${i} + ${k * a.stride}u`;
  };
  const rightAt = (j: number, k: number) =>
    product.b.along === 'k'
      ? `(tileColumn_${j} * ${fragment}u${tapsInSum ? ` + tap * ${shape.n}u` : ''}) * ${b.stride}u + ${k / 4}u`
      : `(${k}u${tapsInSum ? ` + tap * ${shape.k}u` : ''}) * ${b.stride}u + tileColumn_${j} * ${fragment / 4}u`;
  const unscale = float(1 / ((scaledA ?? 1) * (scaledB ?? 1)));
  const products = halves
    .flatMap((halfA) => halves.map((halfB) => [halfA, halfB] as const))
    .filter(([halfA, halfB]) => halfA === 'High' || halfB === 'High');
  const [rowsAtOnce, quadsAtOnce] = [shape.rows / passesDown, quads / passesAcross];
  const passesPerRound = passesDown / rounds.length;
  /** Brings sums to workgroup memory, where the pass begins at this row and column. */
  const stage = (i: number, j: number, down: number, across: number) => {
    const row = `tileRow_${i} * ${fragment}u - ${down * passing.rows}u`;
    const column = `tileColumn_${j} * ${fragment / 4}u - ${(across * shape.n) / 4 / passesAcross}u`;
    const write = `subgroupMatrixStore<row_major>(&sums, (${row}) * ${passing.stride}u + ${column}, sum_${i}_${j}, ${passing.stride}u);`;
    const conditions = [
      ...(passesPerRound > 1 ? [`firstTileRow / ${subgroupRows / passesPerRound}u == ${down % passesPerRound}u`] : []),
      ...(!isEven && i === rounds.length - 1 ? [`firstTileRow + ${i * subgroupRows}u < ${rowTiles}u`] : []),
    ];
    return conditions.length > 0 ? `if (${conditions.join(' && ')}) { ${write} }` : write;
  };
  const storeStaged = (i: number, j: number) => {
    const row = `down * ${rowsAtOnce}u + ${i % rowsAtOnce}u`;
    const value = `sums[(${row}) * ${passing.stride}u + ${quadInTile(shape, j % quadsAtOnce)}]`;
    return `let ${accumulator(i, j)} = ${unscale} * ${value};
  ${storeFour(product, i, j, accumulator(i, j))}`;
  };
  const multiplyStep = (k: number) => `{
      ${columnRounds
        .flatMap((j) => halves.map((half) => `let right${half}_${j} = ${b.load('Right', half, rightAt(j, k))};`))
        .join('\n      ')}
      ${rounds
        .map((i) =>
          [
            ...halves.map((half) => `let left${half}_${i} = ${a.load('Left', half, leftAt(i, k))};`),
            ...columnRounds.flatMap((j) =>
              products.map(
                ([halfA, halfB]) =>
                  `sum_${i}_${j} = subgroupMatrixMultiplyAccumulate(left${halfA}_${i}, right${halfB}_${j}, sum_${i}_${j});`,
              ),
            ),
          ].join('\n      '),
        )
        .join('\n      ')}
    }`;
  // Written out, so that places in a slice are constants.
  const multiplyTap = each(shape.k / fragment, (step) => multiplyStep(step * fragment)).join('\n    ');
  const multiply = tapsInSum
    ? `for (var tap = 0u; tap < ${tapsInSum.taps}u; tap++) { let shift = ${tapsInSum.shift('tap')}; ${multiplyTap} }`
    : multiplyTap;
  const fetch = [source.perSlice, a.fetch, b.fetch].join('\n      ');
  const keep = [a.keep, b.keep].join('\n    ');
  const waitingLoop = `for (var slice = begin; slice < end; slice += ${shape.k}u) {
    workgroupBarrier();
    ${source.now}
    ${fetch}
    ${keep}
    workgroupBarrier();
    ${multiply}
  }`;
  const aheadLoop = `${source.first}
  ${a.first}
  for (var slice = begin; ; slice += ${shape.k}u) {
    if (slice < end) {
      ${fetch}
    }
    if (slice > begin) {
      ${multiply}
    }
    if (slice >= end) { break; }
    workgroupBarrier();
    ${keep}
    ${source.ahead}
    workgroupBarrier();
  }`;
  /** Those of fragments or of an invocation's numbers that are in a pass; several passes may share one. */
  const partOf = <T>(values: readonly T[], pass: number, passes: number) =>
    values.slice(Math.floor((pass * values.length) / passes), Math.ceil(((pass + 1) * values.length) / passes));
  type Pass = readonly [down: number, across: number];
  /** The numbers of an invocation that are in a pass. */
  const ofPass = ([down, across]: Pass) => {
    const own = partOf([...Array(quads).keys()], across, passesAcross);
    return partOf([...Array(shape.rows).keys()], down, passesDown).flatMap((i) => own.map((j) => [i, j] as const));
  };
  const loads = (pass?: Pass) => (pass ? ofPass(pass) : []).map(([i, j]) => loadAhead(product, i, j)).join(' ');
  /** A pass, with loads for the next one. */
  const pass = ([down, across]: Pass, next?: Pass) => `${down + across > 0 ? 'workgroupBarrier();' : ''}
  ${partOf(rounds, down, passesDown)
    .flatMap((i) => partOf(columnRounds, across, passesAcross).map((j) => stage(i, j, down, across)))
    .join('\n  ')}
  workgroupBarrier();
  ${down + across === 0 && blocks < threads ? `if (t >= ${blocks}u) { return; }` : ''}
  ${loads(next)}
  ${ofPass([down, across])
    .map(([i, j]) => storeStaged(i, j))
    .join('\n  ')}`;
  const passes = each(passesDown, (down) => each(passesAcross, (across): Pass => [down, across])).flat();
  const sumVectors = Math.max(passing.rows * passing.stride, epilogue?.vectors ?? 0);
  return `${source.declarations}
${precision === 'float16x2' ? upperBits : ''}
${a.declarations}
${b.declarations}
var<workgroup> sums: array<vec4f, ${sumVectors}>;
${fragmentAliases}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) ${builtin}: vec3u, @builtin(local_invocation_index) t: u32, @builtin(subgroup_id) subgroup: u32) {
  ${group}
  ${source.prologue}
  let firstA = group.x * ${alongK ? shape.m : slice.a.across}u;
  let firstB = group.y * ${shape.n}u;
  let firstTileRow = subgroup / ${subgroupColumns}u;
  ${columnRounds.map((j) => `let tileColumn_${j} = subgroup % ${subgroupColumns}u + ${j * subgroupColumns}u;`).join('\n  ')}
  ${rounds
    .map((i) => {
      const tileRow = `firstTileRow + ${i * subgroupRows}u`;
      return `let tileRow_${i} = ${isEven ? tileRow : `min(${tileRow}, ${rowTiles - 1}u)`}; ${columnRounds.map((j) => `var sum_${i}_${j} = Result();`).join(' ')}`;
    })
    .join('\n  ')}
  ${alongK || strip ? '' : rounds.map((i) => `let leftRow_${i} = ${leftRow(i)};`).join('\n  ')}
  ${a.prepare}
  ${b.prepare}
  let begin = ${begin};
  let end = ${end};
  ${shape.waits ? waitingLoop : aheadLoop}
  let down = t / ${shape.n / shape.columns}u;
  let across = t % ${shape.n / shape.columns}u;
  ${declarePlaces(product)}
  ${loads(passes[0])}
  ${passes.map((each, index) => pass(each, passes[index + 1])).join('\n  ')}
  ${epilogue ? `workgroupBarrier();${epilogue.code(accumulator, 'sums')}` : ''}
}
`;
}

/** A factor's code: before the loop over slices, in it, and where its fragments are. */
export interface Stager {
  readonly declarations: string;
  readonly prepare: string;
  readonly first: string;
  readonly fetch: string;
  readonly keep: string;
  readonly stride: number;
  /** Loads a fragment from a vector on, whose rows are that many rows of the slice apart; 1 by default. */
  load(matrix: 'Left' | 'Right', half: string, at: string, apart?: number): string;
}

/** The code that brings a strip of the images as f16 into workgroup memory, and its fragments to the matrix units. */
function stripStager(strip: Strip, threads: number): Stager {
  const { along, pixels, stride, origin, refills } = strip;
  const rounds = [...Array(Math.ceil(pixels / threads)).keys()];
  const ofAll = (write: (round: number) => string) => rounds.map(write).join('\n    ');
  const fetchPixel = (round: number) => `place_${round} = ${strip.place(`t + ${round * threads}u`)};
    pixel_${round} = ${strip.load(`place_${round}`)};`;
  const keepPixel = (round: number) => {
    const pixel = `vec4<f16>(select(vec4f(), pixel_${round}, ${strip.exists(`place_${round}`)}))`;
    const code = `sliceAHigh[t + ${round * threads}u] = ${pixel};`;
    return (round + 1) * threads <= pixels ? code : `if (t + ${round * threads}u < ${pixels}u) { ${code} }`;
  };
  const declared = ofAll((round) => `var place_${round} = 0u; var pixel_${round} = vec4f();`);
  const fetch = `${origin}
    ${ofAll(fetchPixel)}`;
  const keep = ofAll(keepPixel);
  return {
    declarations: `var<workgroup> sliceAHigh: array<vec4<f16>, ${pixels}>;`,
    prepare: refills ? declared : '',
    first: refills ? '' : `{ ${declared}\n    ${fetch}\n    ${keep} }`,
    fetch: refills ? fetch : '',
    keep: refills ? keep : '',
    stride,
    load: (matrix, _half, at) =>
      fragmentLoad(matrix, along === 'k' ? 'row_major' : 'col_major', 'sliceAHigh', at, stride),
  };
}

function fragmentLoad(matrix: 'Left' | 'Right', order: string, slice: string, at: string, stride: number): string {
  return `subgroupMatrixLoad<${matrix}, ${order}>(&${slice}, ${at}, ${stride}u)`;
}

/** The code that brings slices of a factor as f16 into workgroup memory, and its fragments to the matrix units. */
export function stager(
  name: 'A' | 'B',
  { along, run, prepare: prepareSource, load, exists }: TileSource,
  size: SliceSize,
  threads: number,
  scale: number | undefined,
  precision: MatrixUnits['precision'],
): Stager {
  const halves = halvesOf[precision];
  const isSplit = precision === 'float16x2';
  const { across, depth } = size;
  const perRow = (along === 'k' ? depth : across) / run.width;
  const stride = rowVectors(along, size);
  const places = (across * depth) / run.width;
  const guard = (round: number, code: string) =>
    (round + 1) * threads <= places ? code : `if (place${name}${round} < ${places}u) { ${code} }`;
  const prepare: string[] = [];
  const fetch: string[] = [];
  const keep: string[] = [];
  for (let round = 0; round < Math.ceil(places / threads); round++) {
    const id = `${name}${round}`;
    // If all rounds load the same columns, they share the prepared values.
    const isRegular = round > 0 && threads % perRow === 0;
    prepare.push(
      `let place${id} = t + ${round * threads}u;`,
      `let fast${id} = ${isRegular ? `fast${name}0` : `${run.width}u * (place${id} % ${perRow}u)`};`,
      `let slow${id} = ${isRegular ? `slow${name}0 + ${(round * threads) / perRow}u` : `place${id} / ${perRow}u`};`,
      `var next${id} = ${run.type}();`,
    );
    const position = `(first${name} + ${along === 'k' ? 'slow' : 'fast'}${id})`;
    const within = `${along === 'k' ? 'fast' : 'slow'}${id}`;
    if (prepareSource) prepare.push(`let at${id} = ${prepareSource(position, within)};`);
    const source = [`at${id}`, position, `(slice + ${within})`, within] as const;
    const loads = [`next${id} = ${load(...source)};`];
    const masks: string[] = [];
    if (exists) {
      prepare.push(`var exists${id} = false;`);
      loads.push(`exists${id} = ${exists(...source)};`);
      masks.push(`next${id} = select(${run.type}(), next${id}, exists${id});`);
    }
    fetch.push(guard(round, loads.join(' ')));
    const place = `slow${id} * ${stride}u + fast${id} / 4u`;
    if (run.halves) {
      const [first, second] = run.halves(`next${id}`);
      const both = `slice${name}High[${place}] = ${first}; slice${name}High[${place} + 1u] = ${second};`;
      keep.push(guard(round, [...masks, both].join(' ')));
      continue;
    }
    const needsClamp = scale !== undefined || isSplit;
    const scaled = needsClamp
      ? `clamp(next${id} * ${float(scale ?? 1)}, vec4f(-65504.0), vec4f(65504.0))`
      : `next${id}`;
    const halve = isSplit
      ? `let high = upperBits(scaled); slice${name}High[${place}] = vec4<f16>(high); slice${name}Low[${place}] = vec4<f16>(scaled - high);`
      : `slice${name}High[${place}] = vec4<f16>(scaled);`;
    keep.push(guard(round, [...masks, `{ let scaled = ${scaled}; ${halve} }`].join(' ')));
  }
  const order = (along === 'k') === (name === 'A') ? 'row_major' : 'col_major';
  return {
    declarations: halves
      .map((half) => `var<workgroup> slice${name}${half}: array<vec4<f16>, ${sliceVectors(along, size)}>;`)
      .join('\n'),
    prepare: prepare.join('\n  '),
    first: '',
    fetch: fetch.join('\n      '),
    keep: keep.join('\n    '),
    stride,
    load: (matrix, half, at, apart = 1) => fragmentLoad(matrix, order, `slice${name}${half}`, at, apart * stride),
  };
}
