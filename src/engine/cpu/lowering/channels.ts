/** Operations on the channels of pixels: a chunk is some rows of channels, or an image. */
import { channelsOf, dimension, nhwc, type Tensor } from '../../../graph/tensor.js';
import type { KernelCall, Lowering, LoweringContext } from '../lowered.js';
import { channelRows } from './chunks.js';
import { gatherMoments } from './convolutionItems.js';
import { sumRows } from './elementwise.js';

export const concat: Lowering<'concat'> = (node, context) => {
  const { a, b } = node.operands;
  const { y } = node.results;
  return [copied(context, a, 0, y, 0, channelsOf(a)), copied(context, b, 0, y, channelsOf(a), channelsOf(b))];
};

export const slice: Lowering<'slice'> = (node, context) => {
  const { first, channels } = node.attributes;
  return [copied(context, node.operands.x, first, node.results.y, 0, channels)];
};

/** The call that copies some channels of each row. */
function copied(
  { address }: LoweringContext,
  from: Tensor,
  first: number,
  to: Tensor,
  firstTo: number,
  channels: number,
): KernelCall {
  const { chunks, args } = channelRows(to);
  const source = { source: address(from) + 4 * first, sourceChannels: channelsOf(from) };
  const target = { target: address(to) + 4 * firstTo, targetChannels: channelsOf(to) };
  return { kernel: 'copyChannels', chunks, args: { ...args, ...source, ...target, channels } };
}

export const sliceGradient: Lowering<'sliceGradient'> = (node, { address }) => {
  const { dy, addend } = node.operands;
  const { dx } = node.results;
  const { first, channels } = node.attributes;
  const { chunks, args } = channelRows(dx);
  const sum = { addend: addend ? address(addend) : 0, dx: address(dx), allChannels: channelsOf(dx) };
  return [{ kernel: 'sliceGradient', chunks, args: { ...args, dy: address(dy), first, channels, ...sum } }];
};

export const shuffleChannels: Lowering<'shuffleChannels'> = (node, { address }) => {
  const { x } = node.operands;
  const { chunks, args } = channelRows(x);
  const shape = { channels: channelsOf(x), groups: node.attributes.groups };
  return [
    { kernel: 'shuffleChannels', chunks, args: { ...args, x: address(x), y: address(node.results.y), ...shape } },
  ];
};

export const channelMoments: Lowering<'channelMoments'> = (node, context) => {
  const { x } = node.operands;
  const { chunks, args } = channelRows(x);
  const combined = gatherMoments(context, node.results.moments, chunks, channelsOf(x));
  const own = { x: context.address(x), channels: channelsOf(x), blocks: combined.blocks };
  return [{ kernel: 'channelMoments', chunks, args: { ...args, ...own } }, ...combined.calls];
};

export const bias: Lowering<'bias'> = (node, { address }) => {
  const { x, b } = node.operands;
  const { chunks, args } = channelRows(x);
  const addresses = { x: address(x), b: address(b), y: address(node.results.y) };
  return [{ kernel: 'bias', chunks, args: { ...args, ...addresses, channels: channelsOf(x) } }];
};

export const biasGradient: Lowering<'biasGradient'> = (node, context) => {
  const { dy } = node.operands;
  const channels = channelsOf(dy);
  const { chunks, args } = channelRows(dy);
  const sums = context.scratch(chunks * channels * 4);
  return [
    { kernel: 'biasGradient', chunks, args: { ...args, dy: context.address(dy), channels, sums } },
    sumRows(sums, chunks, channels, context.address(node.results.db)),
  ];
};

export const multiplyChannels: Lowering<'multiplyChannels'> = (node, { address }) => {
  const { x, factor } = node.operands;
  const addresses = { x: address(x), factor: address(factor), y: address(node.results.y) };
  return [{ kernel: 'multiplyChannels', chunks: dimension(x, 0), args: { ...addresses, ...imageSizes(x) } }];
};

export const multiplyChannelsGradient: Lowering<'multiplyChannelsGradient'> = (node, { address }) => {
  const { x, factor, dy } = node.operands;
  const { dx, dfactor } = node.results;
  const operands = { x: address(x), factor: address(factor), dy: address(dy) };
  const args = { ...operands, dx: address(dx), dfactor: address(dfactor), ...imageSizes(x) };
  return [{ kernel: 'multiplyChannelsGradient', chunks: dimension(x, 0), args }];
};

function imageSizes(x: Tensor): { pixels: number; channels: number } {
  const [, height, width, channels] = nhwc(x);
  return { pixels: height * width, channels };
}
