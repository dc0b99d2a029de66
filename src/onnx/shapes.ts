/** Nodes that change a shape at most. */

import type { NodeContext } from './nodeContext.js';
import type { Known } from './outputs.js';

/** The same numbers in another shape: of one pixel, or none at all. */
export function flattened(context: NodeContext, shape: readonly number[] | null): Known {
  const x = context.output();
  if (!shape) throw context.fault(`of [${x.shape}] to a shape that has other elements`);
  if (shape.join() === x.shape.join()) return passedOn(context);
  const isOnePixel = (sizes: readonly number[]) => sizes[0] === 1 && sizes.slice(2).every((size) => size === 1);
  if (isOnePixel(x.shape) && isOnePixel(shape)) {
    const { padding: _, pending: __, ...output } = x;
    const pending = context.pending();
    return { ...output, shape, ...(pending && { pending }) };
  }
  throw context.fault(`of [${x.shape}] to [${shape}]`);
}

export function passedOn(context: NodeContext): Known {
  const x = context.output();
  const { pending: _, ...output } = x;
  const pending = context.pending();
  return pending ? x : output;
}

/** What turns logits into probabilities is left out. */
export function lastOnly(context: NodeContext): Known {
  if (!context.importer.isResult(context.node)) throw context.fault('not at the end of the network');
  return passedOn(context);
}
