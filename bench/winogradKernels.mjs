/**
 * Kernels of Winograd's F(2×2, 3×3) on matrix units, for a 3×3 convolution of stride 1 with padding 1, channels a multiple
 * of 16, images as the engine stores them: [images, side, side, channels] in float16.
 *
 * Planes are numbered p = 4i + j. A block of 16 tiles (or result channels) and 16 channels of a plane is contiguous, the
 * channels of one row behind each other, as the units' registers have them.
 */
import { matrixDirectives } from '../dist/engine/gpu/kernels/matrixTile.js';

export const each = (count, write, separator = '\n  ') => [...Array(count).keys()].map(write).join(separator);
const planes = (write, separator = '\n  ') => each(16, (p) => write(p >> 2, p & 3), separator);

/** Tiles of a layer; a side of odd length has tiles that overhang. */
export function tilesOf({ side, images }) {
  return images * Math.ceil(side / 2) ** 2;
}

/** WGSL: Bᵀ d B of `d_i_j`, by functions `plus` and `minus`, as `v_i_j`. */
const transformedInput = () => {
  const rows = (from, to, index) =>
    each(4, (j) => {
      const at = (i) => `${from}_${index(i, j)}`;
      return `let ${to}_${index(0, j)} = minus(${at(0)}, ${at(2)}); let ${to}_${index(1, j)} = plus(${at(1)}, ${at(2)}); let ${to}_${index(2, j)} = minus(${at(2)}, ${at(1)}); let ${to}_${index(3, j)} = minus(${at(1)}, ${at(3)});`;
    });
  return `${rows('d', 'r', (i, j) => `${i}_${j}`)}\n  ${rows('r', 'v', (i, j) => `${j}_${i}`)}`;
};

/** WGSL: A z Aᵀ of `z_i_j`, two by two, as `v_i_j`. */
const transformedUpstream = () => {
  const rows = (from, to, count, index) =>
    each(count, (j) => {
      const at = (i) => `${from}_${index(i, j)}`;
      return `let ${to}_${index(0, j)} = ${at(0)}; let ${to}_${index(1, j)} = plus(${at(0)}, ${at(1)}); let ${to}_${index(2, j)} = minus(${at(0)}, ${at(1)}); let ${to}_${index(3, j)} = minus(zero, ${at(1)});`;
    });
  return `${rows('z', 'r', 2, (i, j) => `${i}_${j}`)}\n  ${rows('r', 'v', 4, (i, j) => `${j}_${i}`)}`;
};

/** WGSL: Aᵀ s A of `s_i_j` as `y_i_j`, two by two. */
const transformedResult = `${each(4, (j) => `let r_0_${j} = s_0_${j} + s_1_${j} + s_2_${j}; let r_1_${j} = s_1_${j} - s_2_${j} - s_3_${j};`)}
  ${each(2, (i) => `let y_${i}_0 = r_${i}_0 + r_${i}_1 + r_${i}_2; let y_${i}_1 = r_${i}_1 - r_${i}_2 - r_${i}_3;`)}`;

/** Types of fragments, and functions of a type of float16. */
const declarations = (type) => `alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Result = subgroup_matrix_result<f32, 16, 16>;
fn plus(a: ${type}, b: ${type}) -> ${type} { return a + b; }
fn minus(a: ${type}, b: ${type}) -> ${type} { return a - b; }`;

/** The kernel of the weights: G g Gᵀ as blocks [channel block][plane][result block], rotated for the input gradient. */
export function weightsKernel({ inputs: k, outputs: n, rotated }) {
  const at = (i, j, half) =>
    rotated
      ? `(${3 * (2 - i) + 2 - j}u * ${n}u + column) * ${k}u + row + ${half}u`
      : `(${3 * i + j}u * ${k}u + row + ${half}u) * ${n}u + column`;
  const oneRow = (from, to, count, index) =>
    each(count, (j) => {
      const [a, b, c] = [0, 1, 2].map((i) => `${from}_${index(i, j)}`);
      return `let ${to}_${index(0, j)} = ${a}; let ${to}_${index(1, j)} = 0.5 * (${a} + ${b} + ${c}); let ${to}_${index(2, j)} = 0.5 * (${a} - ${b} + ${c}); let ${to}_${index(3, j)} = ${c};`;
    });
  return `@group(0) @binding(0) var<storage, read> w: array<u32>;
@group(0) @binding(1) var<storage, read_write> u: array<u32>;
fn weight(i: u32) -> f32 { return unpack2x16float(w[i / 2u])[i % 2u]; }
@compute @workgroup_size(128)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = 2u * (id.x % 8u) + id.y * 16u;
  let column = id.x / 8u;
  if (column >= ${n}u) { return; }
  ${each(9, (q) => `let g_${Math.floor(q / 3)}_${q % 3} = vec2f(weight(${at(Math.floor(q / 3), q % 3, 0)}), weight(${at(Math.floor(q / 3), q % 3, 1)}));`)}
  ${oneRow('g', 'r', 3, (i, j) => `${i}_${j}`)}
  ${oneRow('r', 'v', 4, (i, j) => `${j}_${i}`)}
  ${planes((i, j) => `u[((id.y * 16u + ${4 * i + j}u) * ${n / 16}u + column / 16u) * 128u + column % 16u * 8u + id.x % 8u] = pack2x16float(v_${i}_${j});`)}
}
`;
}
export const weightsGroups = ({ inputs, outputs }) => [Math.ceil((outputs * 8) / 128), inputs / 16, 1];

/** WGSL that declares the image, row and column of a tile. */
const tilePlace = (side, id, index) => {
  const across = Math.ceil(side / 2);
  return `let image${id} = ${index} / ${across * across}u; let tileRow${id} = ${index} / ${across}u % ${across}u; let tileColumn${id} = ${index} % ${across}u;`;
};

/** WGSL for the places of a patch of 4 × 4 pixels (or 2 × 2): offsets of rows and columns, and whether these are in the image. */
const patchPlace = (side, tiles, id, index, perPixel, size) => {
  const before = size === 4 ? 1 : 0;
  return `${tilePlace(side, id, index)}
  ${each(size, (i) => `let row${id}_${i} = i32(2u * tileRow${id}) + ${i - before}; let rowIn${id}_${i} = row${id}_${i} >= 0 && row${id}_${i} < ${side} && ${index} < ${tiles}u; let rowAt${id}_${i} = select(0u, (image${id} * ${side}u + u32(row${id}_${i})) * ${side * perPixel}u, rowIn${id}_${i});`)}
  ${each(size, (j) => `let column${id}_${j} = i32(2u * tileColumn${id}) + ${j - before}; let columnIn${id}_${j} = column${id}_${j} >= 0 && column${id}_${j} < ${side}; let columnAt${id}_${j} = select(0u, u32(column${id}_${j}) * ${perPixel}u, columnIn${id}_${j});`)}`;
};

/**
 * The kernel that transforms images (or upstream gradients, from 2 × 2) to 16 planes, four channels an invocation.
 * `layout`: 'blocks' [channel block][plane][tile block], or 'planes', [plane][tile][channel].
 */
export function planesKernel({ side, images, channels, upstream, layout }) {
  const tiles = tilesOf({ side, images });
  const size = upstream ? 2 : 4;
  const from = upstream ? 'z' : 'd';
  const place = (p) =>
    layout === 'blocks'
      ? `((quad / 4u * 16u + ${p}u) * ${Math.ceil(tiles / 16)}u + tile / 16u) * 64u + tile % 16u * 4u + quad % 4u`
      : `(${p * tiles}u + tile) * ${channels / 4}u + quad`;
  const index =
    layout === 'blocks'
      ? ['id.x / 4u', 'id.y * 4u + id.x % 4u']
      : [`id.x / ${channels / 4}u`, `id.x % ${channels / 4}u`];
  return `@group(0) @binding(0) var<storage, read> x: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> v: array<vec2u>;
fn numbers(v: vec2u) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn plus(a: vec4f, b: vec4f) -> vec4f { return a + b; }
fn minus(a: vec4f, b: vec4f) -> vec4f { return a - b; }
@compute @workgroup_size(128)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let tile = ${index[0]};
  let quad = ${index[1]};
  let zero = vec4f();
  if (tile >= ${tiles}u) { return; }
  ${patchPlace(side, tiles, '', 'tile', channels / 4, size)}
  ${each(size, (i) => each(size, (j) => `let ${from}_${i}_${j} = select(vec4f(), numbers(x[rowAt_${i} + columnAt_${j} + quad]), rowIn_${i} && columnIn_${j});`))}
  ${upstream ? transformedUpstream() : transformedInput()}
  ${planes((i, j) => `v[${place(4 * i + j)}] = vec2u(pack2x16float(v_${i}_${j}.xy), pack2x16float(v_${i}_${j}.zw));`)}
}
`;
}
export function planesGroups({ side, images, channels, layout }) {
  const tiles = tilesOf({ side, images });
  return layout === 'blocks'
    ? [Math.ceil((tiles * 4) / 128), channels / 16, 1]
    : [Math.ceil((tiles * channels) / 4 / 128), 1, 1];
}

/** The kernel that transforms sums [plane][tile][channel] in float32 to results. */
export function resultsKernel({ side, images, channels }) {
  const tiles = tilesOf({ side, images });
  return `@group(0) @binding(0) var<storage, read> s: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(128)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let tile = id.x / ${channels / 4}u;
  let quad = id.x % ${channels / 4}u;
  if (tile >= ${tiles}u) { return; }
  ${tilePlace(side, '', 'tile')}
  ${planes((i, j) => `let s_${i}_${j} = s[(${(4 * i + j) * tiles}u + tile) * ${channels / 4}u + quad];`)}
  ${transformedResult}
  ${each(2, (i) => each(2, (j) => `if (2u * tileRow + ${i}u < ${side}u && 2u * tileColumn + ${j}u < ${side}u) { y[((image * ${side}u + 2u * tileRow + ${i}u) * ${side}u + 2u * tileColumn + ${j}u) * ${channels / 4}u + quad] = y_${i}_${j}; }`))}
}
`;
}
export const resultsGroups = ({ side, images, channels }) => [
  Math.ceil((tilesOf({ side, images }) * channels) / 4 / 128),
  1,
  1,
];

/**
 * The kernel of the products and of the transform of their sums, for a tile of `m` tiles × `n` result channels, `depth` channels
 * at a time. Each subgroup has some of the planes, so that it is the only one that needs their fragments: those of the weights
 * come straight from memory. Images are transformed on their way into workgroup memory or, if they are `apart`, come as
 * blocks from memory, too.
 */
export function productKernel({ side, images, inputs: k, outputs: n, scale = 1 }, form) {
  const tiles = tilesOf({ side, images });
  const { depth, subgroups, isApart } = form;
  const threads = 32 * subgroups;
  const [down, across] = [form.m / 16, form.n / 16];
  // Distance of tiles in workgroup memory: 16 planes, and 16 bytes so that rows lie in different banks.
  const perPlane = depth / 4;
  const stride = 16 * perPlane + 2;
  const own = (write, separator) => each(16 / subgroups, write, separator);
  const isWorking = `t < ${form.m * perPlane}u`;
  const fetch = (slice) =>
    planes((i, j) => `next_${i}_${j} = x[rowAt_${i} + columnAt_${j} + (${slice}) * ${perPlane}u + run];`, ' ');
  const keep = `${planes((i, j) => `let d_${i}_${j} = bitcast<vec4<f16>>(select(vec2u(), next_${i}_${j}, rowIn_${i} && columnIn_${j}));`)}
    ${transformedInput()}
    ${planes((i, j) => `kept[tile * ${stride}u + ${(4 * i + j) * perPlane}u + run] = v_${i}_${j};`, ' ')}`;
  /** A block of a plane of this subgroup: its place in the buffer. */
  const block = (step, of, index) =>
    `((slice * ${depth}u + ${16 * step}u + plane_${index[0]}) * ${of}u + ${index[1]}) * 64u`;
  const blocks = Math.ceil(tiles / 16);
  const left = (step, q, i) =>
    isApart
      ? `&v, ${block(step, blocks, [q, `min(firstTile / 16u + ${i}u, ${blocks - 1}u)`])}, 4u`
      : `&kept, ${16 * i * stride}u + plane_${q} * ${perPlane}u + ${4 * step}u, ${stride}u`;
  const multiply = each(
    depth / 16,
    (step) => `{
      ${own((q) => each(across, (j) => `let right_${q}_${j} = subgroupMatrixLoad<Right, col_major>(&u, ${block(step, n / 16, [q, `firstColumn / 16u + ${j}u`])}, 4u);`))}
      ${own((q) => each(down, (i) => `let left_${q}_${i} = subgroupMatrixLoad<Left, row_major>(${left(step, q, i)});`))}
      ${own((q) => each(down, (i) => each(across, (j) => `sum_${q}_${i}_${j} = subgroupMatrixMultiplyAccumulate(left_${q}_${i}, right_${q}_${j}, sum_${q}_${i}_${j});`)))}
    }`,
  );
  const patch = `let place = t / ${perPlane}u % 8u;
  let run = t % ${perPlane}u;
  let tile = ${depth === 16 ? 'place % 4u * 2u + place / 4u' : 'place % 2u * 4u + place / 2u'} + t / ${8 * perPlane}u * 8u;
  let index = firstTile + tile;
  ${patchPlace(side, tiles, '', 'index', k / 4, 4)}
  ${planes((i, j) => `var next_${i}_${j} = vec2u();`, ' ')}
  if (${isWorking}) { ${fetch('0u')} }`;
  const transforming = `workgroupBarrier();
    if (${isWorking}) { ${keep} }
    workgroupBarrier();
    if (slice < ${k / depth - 1}u && ${isWorking}) { ${fetch('slice + 1u')} }`;
  // Sums of eight planes, two rows of them, leave at a time, those of 16 tiles and channels.
  const sumStride = 20;
  const row = (i) =>
    `${each(4, (j) => `let s_${i}_${j} = sums[${(4 * (i % 2) + j) * 16 * sumStride}u + t / 16u * ${sumStride}u + t % 16u];`, ' ')} let c_${i}_0 = s_${i}_0 + s_${i}_1 + s_${i}_2; let c_${i}_1 = s_${i}_1 - s_${i}_2 - s_${i}_3;`;
  const stage = (half, i, j) => `workgroupBarrier();
  if (subgroup / ${subgroups / 2}u == ${half}u) { ${own((q) => `subgroupMatrixStore<row_major>(&sums, plane_${q} % 8u * ${16 * sumStride}u, sum_${q}_${i}_${j}, ${sumStride}u);`)} }
  workgroupBarrier();`;
  const working = threads > 256 ? 'if (t < 256u)' : '';
  const leave = (i, j) => `${stage(0, i, j)}
  ${working} { ${row(0)} ${row(1)} ${each(2, (b) => `y_0_${b} = c_0_${b} + c_1_${b}; y_1_${b} = c_1_${b};`, ' ')} }
  ${stage(1, i, j)}
  ${working} { ${row(2)} ${row(3)} ${each(2, (b) => `y_0_${b} += c_2_${b}; y_1_${b} -= c_2_${b} + c_3_${b};`, ' ')}
    let index = firstTile + ${16 * i}u + t / 16u;
    ${tilePlace(side, '', 'index')}
    let at = ((image * ${side}u + 2u * tileRow) * ${side}u + 2u * tileColumn) * ${n}u + firstColumn + ${16 * j}u + t % 16u;
    ${each(2, (a) => each(2, (b) => `if (index < ${tiles}u && 2u * tileRow + ${a}u < ${side}u && 2u * tileColumn + ${b}u < ${side}u) { y[at + ${(a * side + b) * n}u] = ${scale}f * y_${a}_${b}; }`))}
  }`;
  return `${matrixDirectives}
@group(0) @binding(0) var<storage, read> ${isApart ? 'v: array<vec4<f16>>' : 'x: array<vec2u>'};
@group(0) @binding(1) var<storage, read> u: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
${isApart ? '' : `var<workgroup> kept: array<vec4<f16>, ${form.m * stride}>;`}
var<workgroup> sums: array<f32, ${8 * 16 * sumStride}>;
${declarations('vec4<f16>')}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32, @builtin(subgroup_id) subgroup: u32) {
  let firstTile = group.x * ${form.m}u;
  let firstColumn = group.y * ${form.n}u;
  ${own((q) => `let plane_${q} = subgroup * ${16 / subgroups}u + ${q}u; ${each(down, (i) => each(across, (j) => `var sum_${q}_${i}_${j} = Result();`, ' '), ' ')}`)}
  ${isApart ? '' : patch}
  for (var slice = 0u; slice < ${k / depth}u; slice++) {
    ${isApart ? '' : transforming}
    ${multiply}
  }
  ${each(2, (a) => each(2, (b) => `var y_${a}_${b} = 0.0;`, ' '), ' ')}
  ${each(down, (i) => each(across, (j) => leave(i, j)))}
}
`;
}
export const productGroups = ({ side, images, outputs }, { m, n }) => [
  Math.ceil(tilesOf({ side, images }) / m),
  outputs / n,
  1,
];
