/** The lowering of each operation to kernel calls and host calls. An operation without a lowering does not compile. */
import type { AnyNode, OpName } from '../../../graph/graph.js';
import type { AnyLowering, FetchedLowerings, LoweredCall, Lowering, LoweringContext } from '../lowered.js';
import * as activation from './activation.js';
import * as batchNorm from './batchNorm.js';
import * as channels from './channels.js';
import * as convolution from './convolution.js';
import * as elementwise from './elementwise.js';
import * as gatherBatch from './gatherBatch.js';
import * as linear from './linear.js';
import * as loss from './loss.js';
import * as pooling from './pooling.js';
import * as quantizeChannels from './quantizeChannels.js';
import * as update from './update.js';
import * as weightGradient from './weightGradient.js';

type Fetched = keyof NonNullable<FetchedLowerings['depthwise']>;

/** The modules export lowerings by the names of their operations. Those that are fetched are in the context. */
export const lowerings: { readonly [K in Exclude<OpName, Fetched>]: Lowering<K> } = {
  ...activation,
  ...batchNorm,
  ...channels,
  ...convolution,
  ...elementwise,
  ...gatherBatch,
  ...linear,
  ...loss,
  ...pooling,
  ...quantizeChannels,
  ...update,
  ...weightGradient,
};

/** Lowers a node. TypeScript cannot see through a union of nodes that each name has a lowering of its type. */
export function lower(node: AnyNode, context: LoweringContext): LoweredCall[] {
  return ({ ...lowerings, ...context.depthwise }[node.op] as AnyLowering)(node, context);
}
