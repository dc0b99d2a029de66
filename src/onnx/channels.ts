/** Concatenation and slicing of channels. */

import type { Value } from '../nn/index.js';
import type { NodeContext } from './nodeContext.js';
import { type Known, type Output, once } from './outputs.js';
import { passedOn } from './shapes.js';

export function concat(context: NodeContext): Known {
  const parts = context.node.inputs.map((_, index) => context.output(index));
  const [first] = parts;
  checkAxis(context, first!, context.number('axis', 1));
  const channels = parts.reduce((sum, { shape }) => sum + shape[1]!, 0);
  if (parts.length === 1) return passedOn(context);
  const name = context.plainName('concat');
  const value = once(() =>
    context.n.concat(
      parts.map((part) => part.value()),
      { name },
    ),
  );
  return { shape: [1, channels, ...first!.shape.slice(2)], value };
}

/** A slice, whose operands are attributes up to operator set 9. */
export function slice(context: NodeContext): Known {
  const x = context.output();
  const list = (index: number, name: string) => context.numbers(name) ?? [...(context.constant(index)?.values ?? [])];
  const [starts, ends, axes, steps] = [list(1, 'starts'), list(2, 'ends'), list(3, 'axes'), list(4, 'steps')];
  if (starts.length !== 1 || ends.length !== 1 || axes.length !== 1 || (steps[0] ?? 1) !== 1) {
    throw context.fault('of other than neighbouring channels');
  }
  checkAxis(context, x, axes[0]!);
  const channels = x.shape[1]!;
  const place = (at: number) => Math.min(channels, Math.max(0, at < 0 ? at + channels : at));
  return part(context, x, place(starts[0]!), place(ends[0]!) - place(starts[0]!));
}

export function split(context: NodeContext): Known[] {
  const x = context.output();
  checkAxis(context, x, context.number('axis', 0));
  const count = context.node.outputs.length;
  const equal = Array.from({ length: count }, () => x.shape[1]! / count);
  const sizes = context.numbers('split') ?? [...(context.constant(1)?.values ?? equal)];
  if (sizes.length !== count || sizes.reduce((sum, size) => sum + size, 0) !== x.shape[1]) {
    throw context.fault(`of ${x.shape[1]} channels into ${sizes.join(', ')}`);
  }
  let first = 0;
  return sizes.map((size) => {
    first += size;
    return part(context, x, first - size, size);
  });
}

function part(context: NodeContext, x: Output, first: number, channels: number): Output {
  if (!(Number.isInteger(channels) && channels >= 1)) throw context.fault(`of ${channels} channels`);
  const name = context.plainName('slice');
  const value = once((): Value => context.n.slice(x.value(), { name, first, channels }));
  return { shape: [1, channels, ...x.shape.slice(2)], value };
}

/** Throws a fault unless the axis, which counts from the end if it is negative, is that of the channels. */
export function checkAxis(context: NodeContext, { shape }: Output, axis: number): void {
  if (axis !== 1 && axis + shape.length !== 1) throw context.fault(`along the axis ${axis} of [${shape}]`);
}
