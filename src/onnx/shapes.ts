/** Operators that change at most the shape. */

import type { NodeContext } from './nodeContext.js';
import { type Known, type Output, once } from './outputs.js';

/** The same numbers in another shape: unchanged, of one pixel, or an image's as features. */
export function flattened(context: NodeContext, shape: readonly number[] | null): Known {
  const given = context.paddedOutput().shape;
  if (!shape) throw context.fault(`of [${given}] to a shape that has other elements`);
  if (shape.join() === given.join()) return passedOn(context);
  const x = context.cutOutput();
  const isOnePixel = (sizes: readonly number[]) => sizes[0] === 1 && sizes.slice(2).every((size) => size === 1);
  if (isOnePixel(x.shape) && isOnePixel(shape)) {
    const { padding: _, pending: __, ...output } = x;
    const pending = context.pending();
    return { ...output, shape, ...(pending && { pending }) };
  }
  if (x.cut) return shuffled(context, x, x.cut, shape);
  if (x.shape.length === 4 && shape.length === 5 && shape.slice(3).join() === x.shape.slice(2).join()) {
    return { shape, value: x.value, cut: { groups: shape[1]!, isTurned: false } };
  }
  const [, channels, ...sizes] = x.shape;
  if (shape.length !== 2 || shape[0] !== 1 || sizes.length === 0) throw context.fault(`of [${x.shape}] to [${shape}]`);
  const [rows, columns] = sizes.length === 1 ? [1, sizes[0]!] : [sizes[0]!, sizes[1]!];
  const name = context.plainName('flatten');
  const value = once(() => context.n.flatten(x.value(), { name }));
  return { shape, value, order: [channels!, rows!, columns!] };
}

/** Groups of channels joined again; shuffled if they were turned. */
function shuffled(context: NodeContext, x: Output, cut: NonNullable<Output['cut']>, shape: readonly number[]): Known {
  const [, first, second, ...sizes] = x.shape;
  if (shape.join() !== [1, first! * second!, ...sizes].join()) throw context.fault(`of groups to [${shape}]`);
  const { groups, isTurned } = cut;
  if (!isTurned) return { shape, value: x.value };
  const name = context.plainName('shuffle');
  return { shape, value: once(() => context.n.shuffle(x.value(), { name, groups })) };
}

/** Groups of channels turned, the middle of a shuffle. */
export function turned(context: NodeContext): Known {
  const x = context.cutOutput();
  const order = context.numbers('perm') ?? [];
  if (!x.cut || x.cut.isTurned || order.join() !== '0,2,1,3,4') throw context.fault(`to the order ${order}`);
  const [one, groups, size, ...sizes] = x.shape;
  return { shape: [one!, size!, groups!, ...sizes], value: x.value, cut: { ...x.cut, isTurned: true } };
}

export function passedOn(context: NodeContext): Known {
  const x = context.flatOutput();
  const { pending: _, ...output } = x;
  const pending = context.pending();
  return pending ? x : output;
}

/** Dropout, which has no effect in an exported network; refused if it was exported in training mode. */
export function dropout(context: NodeContext): Known {
  if (context.constant(2)?.values[0]) throw context.fault('as in training; export it after model.eval()');
  return passedOn(context);
}

/** A function from logits to probabilities at the end, which is left out. */
export function lastOnly(context: NodeContext): Known {
  if (!context.importer.isResult(context.node)) throw context.fault('not at the end of the network');
  const { shape } = context.flatOutput();
  const axis = context.number('axis', -1);
  if (shape.slice(2).some((size) => size > 1) || (axis !== 1 && axis !== shape.length - 1 && axis !== -1)) {
    throw context.fault(`over the axis ${axis} of [${shape}]`);
  }
  return passedOn(context);
}
