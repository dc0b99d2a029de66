/**
 * Batch normalisation in one pass over memory (normalise, add the shortcut, activate), and its statistics. Its gradients
 * are in `batchNormGradient.ts`.
 */

import type { Node } from '../../../graph/graph.js';
import { channelsOf, elementCount, type Tensor } from '../../../graph/tensor.js';
import {
  branches,
  elementwiseMain,
  float,
  type KernelCall,
  kernelSource,
  linearDispatch,
  type Operand,
  type Placement,
  tensorOperand,
} from '../kernel.js';
import { type Lanes, lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { activationFunctions, loadRange } from '../wgsl/activation.js';
import { forOwnPixels, pixelPass, workgroupMain } from './pixelPass.js';

export const batchStatistics: Lowering<'batchStatistics'> = (node, placement) => {
  const { moments, runningMean: mean, runningVariance: variance } = node.operands;
  const channels = elementCount(mean.shape);
  const { operands, finish } = kernelSource({
    moments: tensorOperand(placement, moments, 'read'),
    mean: tensorOperand(placement, mean, 'write'),
    variance: tensorOperand(placement, variance, 'write'),
    statistics: tensorOperand(placement, node.results.statistics, 'write'),
  });
  const body = elementwiseMain(
    channels,
    `let mean = ${operands.moments.load('i')};
  let variance = ${operands.moments.load(`i + ${channels}u`)};
  ${storeStatistics(node.attributes, channels, operands)}`,
  );
  return [finish('batchStatistics', linearDispatch(channels), body)];
};

/** WGSL that writes the statistics from `mean` and `variance` of channel i, and updates the running ones. */
export function storeStatistics(
  { count, epsilon, decay }: { readonly count: number; readonly epsilon: number; readonly decay: number },
  channels: number,
  operands: Readonly<Record<'mean' | 'variance' | 'statistics', Operand>>,
): string {
  const blend = (running: string, batch: string) => `${float(decay)} * ${running} + ${float(1 - decay)} * ${batch}`;
  return `${operands.statistics.store('i', 'mean')}
  ${operands.statistics.store(`i + ${channels}u`, `1.0 / sqrt(variance + ${float(epsilon)})`)}
  ${operands.mean.store('i', blend(operands.mean.load('i'), 'mean'))}
  ${operands.variance.store('i', blend(operands.variance.load('i'), `(variance * ${float(count / Math.max(1, count - 1))})`))}`;
}

export const runningStatistics: Lowering<'runningStatistics'> = (node, placement) => [
  statisticsTogether([node], placement),
];

/** The statistics of several normalisations, each with a branch and invocations of its own. */
export function statisticsTogether(nodes: readonly Node<'runningStatistics'>[], placement: Placement): KernelCall {
  const counts = nodes.map(({ operands }) => elementCount(operands.runningMean.shape));
  const requests = nodes.flatMap(({ operands, results: { statistics } }, index) => [
    [`mean${index}`, tensorOperand(placement, operands.runningMean, 'read')] as const,
    [`variance${index}`, tensorOperand(placement, operands.runningVariance, 'read')] as const,
    [`statistics${index}`, tensorOperand(placement, statistics, 'write')] as const,
  ]);
  const { operands, finish } = kernelSource(Object.fromEntries(requests));
  const each = branches('i', counts, (index, begin) => {
    const [mean, variance, statistics] = ['mean', 'variance', 'statistics'].map((name) => operands[`${name}${index}`]!);
    const deviation = `1.0 / sqrt(${variance!.load('at')} + ${float(nodes[index]!.attributes.epsilon)})`;
    return `let at = i - ${begin}u;
    ${statistics!.store('at', mean!.load('at'))}
    ${statistics!.store(`at + ${counts[index]!}u`, deviation)}`;
  });
  const count = counts.reduce((sum, channels) => sum + channels, 0);
  return finish('runningStatistics', linearDispatch(count), elementwiseMain(count, each));
}

/** Reads of everything that z depends on, for the forward pass and for the backward pass, which recomputes z. */
export function normOperands(
  { operands: { x, statistics, gamma, beta, shortcut: stored, ranges } }: Node<'batchNorm' | 'batchNormGradientReduce'>,
  placement: Placement,
  shortcut: Tensor | null = stored,
) {
  return {
    x: tensorOperand(placement, x, 'read'),
    statistics: tensorOperand(placement, statistics, 'read'),
    gamma: tensorOperand(placement, gamma, 'read'),
    beta: tensorOperand(placement, beta, 'read'),
    shortcut: shortcut && tensorOperand(placement, shortcut, 'read'),
    ranges: ranges && tensorOperand(placement, ranges, 'read'),
  };
}

/** Most workgroups along the pixels of a pass without sums. */
export const mostGroups = 4096;

/**
 * WGSL that loads what belongs to an invocation's channels, and for an element normalised.
 *
 * @param suffix of the variables' names
 */
export function normalisation(
  lanes: Lanes,
  perPixel: number,
  operands: Readonly<Record<'x' | 'statistics' | 'gamma', Operand>>,
  suffix = '',
) {
  return {
    channels: `let mean${suffix} = ${lanes.load(operands.statistics, 'c')};
    let deviation${suffix} = ${lanes.load(operands.statistics, `c + ${perPixel}u`)};
    let gamma${suffix} = ${lanes.load(operands.gamma, 'c')};`,
    normalized: (i: string) => `((${lanes.load(operands.x, i)} - mean${suffix}) * deviation${suffix})`,
  };
}

/** Reads of what belongs to the channels of a shortcut that is normalised here. */
export function shortcutOperands(norm: Node<'batchNorm' | 'batchNormGradientReduce'> | null, placement: Placement) {
  const read = (tensor: Tensor | undefined) => (tensor ? tensorOperand(placement, tensor, 'read') : null);
  return {
    shortcutStatistics: read(norm?.operands.statistics),
    shortcutGamma: read(norm?.operands.gamma),
    shortcutBeta: read(norm?.operands.beta),
  };
}

/** WGSL for a shortcut: what belongs to an invocation's channels, and the values of its elements `i`. */
export interface ShortcutCode {
  readonly channels: string;
  readonly each: string;
  readonly value: string;
}

/** The code by which a kernel reads its shortcut; where it normalises that, `normalizedOfShortcut` of each element is declared, too. */
export function shortcutCode(
  lanes: Lanes,
  perPixel: number,
  operands: Readonly<Record<'shortcut' | keyof ReturnType<typeof shortcutOperands>, Operand>>,
  isNormalized: boolean,
): ShortcutCode {
  const { shortcut: x, shortcutStatistics: statistics, shortcutGamma: gamma, shortcutBeta: beta } = operands;
  if (!isNormalized) return { channels: '', each: '', value: lanes.load(x, 'i') };
  const { channels, normalized } = normalisation(lanes, perPixel, { x, statistics, gamma }, 'OfShortcut');
  return {
    channels: `
    ${channels}
    let betaOfShortcut = ${lanes.load(beta, 'c')};`,
    each: `let normalizedOfShortcut = ${normalized('i')};
      `,
    value: 'gammaOfShortcut * normalizedOfShortcut + betaOfShortcut',
  };
}

/** Operands of a shortcut that are accessed four channels at a time. */
export const wideInShortcut = ['shortcut', 'shortcutStatistics', 'shortcutGamma', 'shortcutBeta'] as const;

/** @param ofShortcut the normalisation of the shortcut, if it is computed here */
export function batchNorm(
  node: Node<'batchNorm'>,
  placement: Placement,
  ofShortcut: Node<'batchNorm'> | null = null,
): KernelCall[] {
  const { x, shortcut } = node.operands;
  const { y } = node.results;
  const lanes = lanesFor(channelsOf(x));
  const pass = pixelPass(x, lanes, mostGroups);
  const { operands, parameter, finish } = kernelSource(
    {
      ...normOperands(node, placement, ofShortcut?.operands.x),
      ...shortcutOperands(ofShortcut, placement),
      y: tensorOperand(placement, y, 'write'),
    },
    wideIf(lanes, ['x', 'statistics', 'gamma', 'beta', ...wideInShortcut, 'y']),
  );
  const { activation } = node.attributes;
  const { channels, normalized } = normalisation(lanes, pass.perPixel, operands);
  const added = shortcut && shortcutCode(lanes, pass.perPixel, operands, ofShortcut !== null);
  const body = `${activationFunctions(activation)}
${workgroupMain(`${loadRange(activation, operands.ranges, parameter)}
  ${forOwnPixels(
    pass,
    `${channels}
    let beta = ${lanes.load(operands.beta, 'c')};${added?.channels ?? ''}`,
    `var z = gamma * ${normalized('i')} + beta;
      ${added ? `${added.each}z += ${added.value};` : ''}
      ${lanes.store(operands.y, 'i', `activate${lanes.suffix}(z, range)`)}`,
  )}`)}`;
  return [finish(`batchNorm ${y.name}`, pass.workgroups, body)];
}
