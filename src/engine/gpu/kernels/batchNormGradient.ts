/**
 * Gradients of batch normalisation in two passes over memory: z is recomputed and all gradients of parameters are reduced;
 * then comes the input's gradient.
 */

import type { Node } from '../../../graph/graph.js';
import { channelsOf, elementCount, nhwc, type Tensor } from '../../../graph/tensor.js';
import {
  type BufferPlan,
  bufferOperand,
  float,
  isInPlace,
  type KernelCall,
  kernelSource,
  type Operand,
  type Placement,
  tensorOperand,
  workgroupSize,
} from '../kernel.js';
import { type Lanes, lanesFor, wideIf } from '../lanes.js';
import { activationFunctions, loadRange } from '../wgsl/activation.js';
import {
  mostGroups,
  normalisation,
  normOperands,
  type ShortcutCode,
  shortcutCode,
  shortcutOperands,
  wideInShortcut,
} from './batchNorm.js';
import { forOwnPixels, pixelPass, workgroupMain } from './pixelPass.js';
import { type GradientBlocks, gradientBlocks } from './poolWindows.js';
import type { RowTileEnd } from './rowTiles.js';
import { columnSums, finishSums, mostPartials, storeComponents, treeSum } from './sums.js';
import { pixelPosition } from './windowPlaces.js';

/**
 * WGSL of the backward reduction: what belongs to an invocation's channels `c`, and what it does for its elements `i` with
 * upstream gradients `g`.
 */
function reduction(
  { results: { sums }, attributes: { activation } }: Node<'batchNormGradientReduce'>,
  lanes: Lanes,
  perPixel: number,
  operands: Readonly<Record<keyof ReturnType<typeof normOperands>, Operand>>,
  parameter: (value: number) => string,
  shortcut: ShortcutCode | null,
) {
  const { type, suffix } = lanes;
  const own = normalisation(lanes, perPixel, operands);
  const contribution = lanes.width === 4 ? 'rangeSums4(z, g, range)' : 'g * rangeFactors(z, range)';
  return {
    declarations: activationFunctions(activation),
    begin: `${loadRange(activation, operands.ranges, parameter)}
  var sumGamma = ${type}();
  var sumBeta = ${type}();
  var sumEnds = vec2f();`,
    channels: `${own.channels}
    let beta = ${lanes.load(operands.beta, 'c')};${shortcut?.channels ?? ''}`,
    each: `let normalized = ${own.normalized('i')};
      var z = gamma * normalized + beta;
      ${shortcut ? `${shortcut.each}z += ${shortcut.value};` : ''}
      let dz = g * inputFactor${suffix}(z, range);
      sumGamma += dz * normalized;
      sumBeta += dz;
      ${sums ? `sumEnds += ${contribution};` : ''}`,
  };
}

/** Operands of the reduction that are accessed four channels at a time. */
const wideInReduction = ['x', 'statistics', 'gamma', 'beta', 'shortcut'] as const;

/**
 * Each workgroup takes pixels of its own, an invocation one (or four) of the channels. The invocations' sums of a
 * channel are added in workgroup memory, those of workgroups by the second kernel.
 *
 * @param storesDz false if the only reader of dz recomputes it (`batchNormGradientApply`)
 * @param pool the pooling whose gradient is the upstream one, which is computed here, if any
 * @param ofShortcut the reduction of the shortcut's normalisation, if both are computed here
 */
export function batchNormGradientReduce(
  node: Node<'batchNormGradientReduce'>,
  placement: Placement,
  storesDz = true,
  pool: PoolingGradient | null = null,
  ofShortcut: Node<'batchNormGradientReduce'> | null = null,
): KernelCall[] {
  const { x, dy, shortcut } = node.operands;
  const { dz, sums } = node.results;
  const channels = channelsOf(x);
  const lanes = lanesFor(channels);
  const blocks = blocksOf(pool, lanes);
  const pass = pixelPass(blocks ?? x, lanes, mostPartials);
  const { perPixel, columnGroups: tiles, across, groups } = pass;
  const rowLength = 2 * channels + 2 * tiles;
  const partials = placement.scratch(groups * (rowLength + (ofShortcut ? 2 * channels : 0)));
  const endsStart = groups * 2 * channels;
  const { operands, parameter, finish } = kernelSource(
    {
      ...normOperands(node, placement, ofShortcut?.operands.x),
      ...shortcutOperands(ofShortcut, placement),
      ...upstreamOperands(dy, pool, placement),
      dz: storesDz ? tensorOperand(placement, dz, 'write') : null,
      partials: bufferOperand(partials, 'write'),
    },
    wideIf(lanes, [...wideInReduction, ...wideInShortcut, 'dy', 'dz']),
  );
  const { type } = lanes;
  const added = shortcut && shortcutCode(lanes, perPixel, operands, ofShortcut !== null);
  const own = reduction(node, lanes, perPixel, operands, parameter, added);
  // The gradient of beta is that of the shortcut's.
  const storeRow = (row: string, gammas: string) => `${storeComponents(lanes, operands.partials, row, `${gammas}[t]`)}
    ${storeComponents(lanes, operands.partials, `${row} + ${channels}u`, 'betas[t]')}`;
  const body = `${own.declarations}
var<workgroup> gammas: array<${type}, ${workgroupSize}>;
var<workgroup> betas: array<${type}, ${workgroupSize}>;
${ofShortcut ? `var<workgroup> shortcutGammas: array<${type}, ${workgroupSize}>;` : ''}
${sums ? `var<workgroup> ends: array<vec2f, ${workgroupSize}>;` : ''}
${workgroupMain(`${own.begin}
  ${ofShortcut ? `var sumShortcutGamma = ${type}();` : ''}
  ${forOwnPixels(
    pass,
    own.channels,
    forUpstream(
      blocks,
      operands,
      pool?.op === 'globalAveragePoolGradient' ? ofAverage(pool, lanes, operands.dy) : lanes.load(operands.dy, 'i'),
      `${own.each}
      ${ofShortcut ? 'sumShortcutGamma += dz * normalizedOfShortcut;' : ''}
      ${storesDz ? lanes.store(operands.dz, 'i', 'dz') : ''}`,
    ),
  )}
  gammas[t] = sumGamma;
  betas[t] = sumBeta;
  ${ofShortcut ? 'shortcutGammas[t] = sumShortcutGamma;' : ''}
  ${sums ? 'ends[t] = sumEnds;' : ''}
  ${columnSums(['gammas', 'betas', ...(ofShortcut ? ['shortcutGammas'] : [])], pass)}
  ${sums ? treeSum('ends', workgroupSize) : ''}
  let row = group.x * ${2 * channels}u + ${lanes.width}u * c;
  if (t < ${across}u && c < ${perPixel}u) {
    ${storeRow('row', 'gammas')}
    ${ofShortcut ? storeRow(`row + ${groups * rowLength}u`, 'shortcutGammas') : ''}
  }
  ${sums ? `if (t < 2u) { ${operands.partials.store(`${endsStart}u + 2u * (group.x * ${tiles}u + group.y) + t`, 'ends[0][t]')} }` : ''}`)}`;
  const call = finish(reductionLabel(node), pass.workgroups, body);
  return [call, finishReduction(node, placement, partials, groups, tiles, ofShortcut)];
}

type PoolingGradient = Node<'maxPoolGradient'> | Node<'globalAveragePoolGradient'>;

/** The gradient of a normalisation's result, or what that of the pooling behind it is computed from. */
function upstreamOperands(dy: Tensor, pool: PoolingGradient | null, placement: Placement) {
  return {
    dy: tensorOperand(placement, pool?.operands.dy ?? dy, 'read'),
    argmax: pool?.op === 'maxPoolGradient' ? tensorOperand(placement, pool.operands.argmax, 'read') : null,
  };
}

/** The blocks of pixels for which the gradient of max pooling is computed. */
function blocksOf(pool: PoolingGradient | null, lanes: Lanes): GradientBlocks | null {
  return pool?.op === 'maxPoolGradient' ? gradientBlocks(pool, lanes) : null;
}

/** WGSL for the gradient of an element of the own pixel, of whose image `dy` has the mean's gradient. */
function ofAverage({ results: { dx } }: Node<'globalAveragePoolGradient'>, lanes: Lanes, dy: Operand): string {
  const [, height, width, channels] = nhwc(dx);
  const area = height * width;
  return `${float(1 / area)} * ${lanes.load(dy, `pixel / ${area}u * ${channels / lanes.width}u + c`)}`;
}

/**
 * WGSL that does something with each element `i` of an invocation's pixel, or block of them, and its gradient `g`.
 *
 * @param upstream WGSL for the gradient where there are no blocks
 */
function forUpstream(
  blocks: GradientBlocks | null,
  operands: Readonly<Record<'dy' | 'argmax', Operand>>,
  upstream: string,
  use: string,
): string {
  if (!blocks) return `let g = ${upstream};\n      ${use}`;
  const [, down, across] = blocks.shape;
  return `${pixelPosition('pixel', down, across)}\n  ${blocks.each(operands, use)}`;
}

function reductionLabel({ results: { dz } }: Node<'batchNormGradientReduce'>): string {
  return `batchNormGradientReduce ${dz.name}`;
}

/**
 * Adds up rows of partial sums, one of each channel for each group, behind which there are those of the quantizer, and then
 * those of a shortcut's channels.
 */
function finishReduction(
  node: Node<'batchNormGradientReduce'>,
  placement: Placement,
  partials: BufferPlan,
  groups: number,
  tiles = 1,
  ofShortcut: Node<'batchNormGradientReduce'> | null = null,
): KernelCall {
  const { dgamma, sums } = node.results;
  const start = groups * 2 * elementCount(dgamma.shape);
  const ofChannels = ({ dgamma, dbeta }: typeof node.results, start: number) => ({
    ...{ partials, start, rows: groups },
    results: [dgamma, dbeta],
  });
  return finishSums(placement, `${reductionLabel(node)} sums`, [
    ofChannels(node.results, 0),
    ...(sums ? [{ partials, start, rows: groups * tiles, results: [sums] }] : []),
    ...(ofShortcut ? [ofChannels(ofShortcut.results, start + groups * 2 * tiles)] : []),
  ]);
}

/** A reduction that the product that makes its upstream gradient computes as well. */
export interface ReductionBehind {
  readonly node: Node<'batchNormGradientReduce'>;
  /** False if the product leaves the upstream gradient for the only reader of dz, which recomputes it. */
  readonly storesDz: boolean;
}

/** The requests of no reduction. */
export const noReduction = {
  ...{ x: null, statistics: null, gamma: null, beta: null, shortcut: null, ranges: null },
  partials: null,
} as const;

/** The requests of a reduction for a product with so many workgroups, and the second kernel. */
export function reductionRequests({ node }: ReductionBehind, placement: Placement, groups: number) {
  const partials = placement.scratch(groups * (2 * channelsOf(node.operands.x) + 2));
  return {
    requests: { ...normOperands(node, placement), partials: bufferOperand(partials, 'write') },
    wide: wideInReduction,
    finish: finishReduction(node, placement, partials, groups),
  };
}

type ReductionOperands = Readonly<Record<keyof ReturnType<typeof reductionRequests>['requests'], Operand>>;

/** The WGSL of a reduction for a product whose workgroups have all channels, four for each of some invocations. */
export function reductionInProduct(
  { node, storesDz }: ReductionBehind,
  groups: number,
  operands: ReductionOperands,
  parameter: (value: number) => string,
): RowTileEnd {
  const channels = channelsOf(node.operands.x);
  const lanes = lanesFor(channels);
  const quads = channels / 4;
  const loadedX = { ...operands.x, load4: () => 'xLoaded' };
  const { shortcut } = node.operands;
  const added = shortcut && { channels: '', each: '', value: 'shortcutLoaded' };
  const own = reduction(node, lanes, quads, { ...operands, x: loadedX }, parameter, added);
  const row = `group.x * ${2 * channels}u + 4u * t`;
  return {
    declarations: own.declarations,
    begin: `${own.begin}
  let c = across;
  ${own.channels}`,
    ahead: { xLoaded: operands.x.load4, ...(shortcut && { shortcutLoaded: operands.shortcut.load4 }) },
    each: (index, value, store) => `let i = ${index};
      let g = ${value};
      ${own.each}
      ${store('i', storesDz ? 'dz' : 'g')}`,
    end: (array, shape) => {
      const fold = (sum: string, at: string) => `workgroupBarrier();
  ${array}[t] = ${sum};
  ${columnSums([array], shape)}
  if (t < ${quads}u) { ${storeComponents(lanes, operands.partials, at, `${array}[t]`)} }`;
      const ends = `workgroupBarrier();
  ${array}[t] = vec4f(sumEnds, 0.0, 0.0);
  ${treeSum(array, shape.across * shape.down)}
  if (t < 2u) { ${operands.partials.store(`${groups * 2 * channels}u + 2u * group.x + t`, `${array}[0][t]`)} }`;
      return `${fold('sumGamma', row)}
  ${fold('sumBeta', `${row} + ${channels}u`)}
  ${node.results.sums ? ends : ''}`;
    },
  };
}

/** Tells whether dz takes the place of the upstream gradient, so that the product that makes this may store it. */
export function isReducedInPlace(
  { operands: { dy }, results: { dz } }: Node<'batchNormGradientReduce'>,
  placement: Placement,
): boolean {
  return isInPlace(dy, dz, placement);
}

/**
 * Tells whether dz need not be stored: if it would overwrite the upstream gradient and only one operation reads it,
 * that operation finds the upstream gradient there and masks it again, which costs less than writing another tensor.
 */
export function canComputeDzAgain(reduce: Node<'batchNormGradientReduce'>, { place }: Placement): boolean {
  const { shortcut, dy } = reduce.operands;
  const { dz } = reduce.results;
  return !shortcut && !dy.view && !dz.view && place(dy).buffer === place(dz).buffer;
}

/**
 * @param masks the operation that has left the upstream gradient in dz's place, if any
 * @param pool the pooling whose gradient is the upstream one, if it is computed here; needs `masks`
 * @param ofShortcut the same of the shortcut's normalisation, if both are computed here
 */
export function batchNormGradientApply(
  node: Node<'batchNormGradientApply'>,
  placement: Placement,
  masks: Node<'batchNormGradientReduce'> | null = null,
  pool: Node<'maxPoolGradient'> | null = null,
  ofShortcut: Node<'batchNormGradientApply'> | null = null,
): KernelCall[] {
  const { dz, x } = node.operands;
  const { dx } = node.results;
  const channels = channelsOf(x);
  const lanes = lanesFor(channels);
  const blocks = pool && gradientBlocks(pool, lanes);
  const pass = pixelPass(blocks ?? x, lanes, mostGroups);
  const share = float(channels / elementCount(x.shape));
  const activation = masks?.attributes.activation ?? null;
  const ranges = masks?.operands.ranges ?? null;
  const beside = ofShortcut && applicationOperands(ofShortcut, placement);
  const { operands, parameter, finish } = kernelSource(
    {
      ...upstreamOperands(dz, pool, placement),
      ...applicationOperands(node, placement),
      beta: activation && tensorOperand(placement, masks!.operands.beta, 'read'),
      ranges: ranges && tensorOperand(placement, ranges, 'read'),
      shortcut: beside?.x ?? null,
      shortcutStatistics: beside?.statistics ?? null,
      shortcutGamma: beside?.gamma ?? null,
      shortcutDgamma: beside?.dgamma ?? null,
      shortcutDbeta: beside?.dbeta ?? null,
      shortcutDx: beside?.dx ?? null,
    },
    wideIf(lanes, [
      ...(['dy', 'x', 'statistics', 'gamma', 'beta', 'dgamma', 'dbeta', 'dx'] as const),
      ...([
        'shortcut',
        'shortcutStatistics',
        'shortcutGamma',
        'shortcutDgamma',
        'shortcutDbeta',
        'shortcutDx',
      ] as const),
    ]),
  );
  const mask = `inputFactor${lanes.suffix}(gamma * normalized + beta, range)`;
  const own = application(lanes, pass.perPixel, share, operands);
  const other =
    ofShortcut &&
    application(
      lanes,
      pass.perPixel,
      share,
      {
        x: operands.shortcut,
        statistics: operands.shortcutStatistics,
        gamma: operands.shortcutGamma,
        dgamma: operands.shortcutDgamma,
        dbeta: operands.shortcutDbeta,
      },
      'OfShortcut',
    );
  // All is loaded before anything is stored, since results may take the place of operands.
  const body = `${activation ? activationFunctions(activation) : ''}
${workgroupMain(`${activation ? loadRange(activation, operands.ranges, parameter) : ''}
  ${forOwnPixels(
    pass,
    `${own.channels}
    ${activation ? `let beta = ${lanes.load(operands.beta, 'c')};` : ''}
    ${other?.channels ?? ''}`,
    forUpstream(
      blocks,
      operands,
      lanes.load(operands.dy, 'i'),
      `${own.normalized}
      let dz = ${activation ? `g * ${mask}` : 'g'};
      ${own.value}
      ${other ? `${other.normalized} ${other.value} ${lanes.store(operands.shortcutDx, 'i', 'valueOfShortcut')}` : ''}
      ${lanes.store(operands.dx, 'i', 'value')}`,
    ),
  )}`)}`;
  return [finish(`batchNormGradientApply ${dx.name}`, pass.workgroups, body)];
}

/** What the gradient of a normalisation's input is computed from, besides the upstream one, and its place. */
function applicationOperands(
  { operands: { x, statistics, gamma, dgamma, dbeta }, results: { dx } }: Node<'batchNormGradientApply'>,
  placement: Placement,
) {
  return {
    x: tensorOperand(placement, x, 'read'),
    statistics: tensorOperand(placement, statistics, 'read'),
    gamma: tensorOperand(placement, gamma, 'read'),
    dgamma: tensorOperand(placement, dgamma, 'read'),
    dbeta: tensorOperand(placement, dbeta, 'read'),
    dx: tensorOperand(placement, dx, 'write'),
  };
}

/** WGSL for the `value` of elements `i` with masked upstream gradients `dz`, after what belongs to an invocation's channels. */
function application(
  lanes: Lanes,
  perPixel: number,
  share: string,
  operands: Readonly<Record<'x' | 'statistics' | 'gamma' | 'dgamma' | 'dbeta', Operand>>,
  suffix = '',
) {
  const { channels, normalized } = normalisation(lanes, perPixel, operands, suffix);
  return {
    channels: `${channels}
    let dgamma${suffix} = ${lanes.load(operands.dgamma, 'c')};
    let dbeta${suffix} = ${lanes.load(operands.dbeta, 'c')};`,
    normalized: `let normalized${suffix} = ${normalized('i')};`,
    value: `let joint${suffix} = dbeta${suffix} + normalized${suffix} * dgamma${suffix};
      let value${suffix} = gamma${suffix} * deviation${suffix} * (dz - ${share} * joint${suffix});`,
  };
}
