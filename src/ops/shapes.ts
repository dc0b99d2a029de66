/** Shapes from the patterns of definitions: sizes of a node, shapes of its results, and errors. */

import { InputError } from '../errors.js';
import { type AnyNode, resultsOf, type Tensors } from '../graph/graph.js';
import { type DType, elementCount, type Shape } from '../graph/tensor.js';
import type { Definition, Operation, Sizes } from './definition.js';

export interface Pattern {
  /** Allowed types, usually one. */
  readonly dtypes: readonly DType[];
  readonly axes: readonly string[];
  readonly isOptional: boolean;
}

const patterns = new Map<string, Pattern>();

/** The pattern that a text of a definition stands for. */
export function patternOf(text: string): Pattern {
  const known = patterns.get(text);
  if (known) return known;
  const [, dtype, axes, optional] = /^((?:int32|uint8)(?:\|float)?)? ?\[(.*)\](\?)?$/.exec(text) ?? [];
  if (axes === undefined) throw new Error(`no pattern: ${text}`);
  const dtypes = (dtype ?? 'float').split('|') as DType[];
  const pattern = { dtypes, axes: axes.split(','), isOptional: optional === '?' };
  patterns.set(text, pattern);
  return pattern;
}

/** Axes by letter: one for a letter, any number for `...S`, which may occur once in a pattern. */
type Bound = Map<string, Shape>;

/** The axes of a shape that each axis of a pattern stands for, from `first` to before `end`; null if they do not fit. */
export function spansOf({ axes }: Pattern, { length }: Shape): { axis: string; first: number; end: number }[] | null {
  const open = axes.findIndex((axis) => axis.startsWith('...'));
  /** Number of axes of the shape beyond those of the pattern. */
  const more = length - axes.length;
  if (open < 0 ? more !== 0 : more < -1) return null;
  return axes.map((axis, index) => {
    const first = open >= 0 && index > open ? index + more : index;
    return { axis, first, end: index === open ? first + more + 1 : first + 1 };
  });
}

/** Binds the letters of a pattern to the sizes of a shape; false if they do not fit. */
function bind(pattern: Pattern, shape: Shape, bound: Bound): boolean {
  const spans = spansOf(pattern, shape);
  if (!spans) return false;
  return spans.every(({ axis, first, end }) => {
    const own = shape.slice(first, end);
    if (/^\d/.test(axis)) return own[0] === Number(axis);
    const known = bound.get(axis);
    if (!known) bound.set(axis, own);
    return !known || known.join() === own.join();
  });
}

/** The shape of a pattern; unbound letters stay letters. */
function shapeOf({ axes }: Pattern, bound: Bound): (string | number)[] {
  return axes.flatMap((axis): (string | number)[] =>
    /^\d/.test(axis) ? [Number(axis)] : [...(bound.get(axis) ?? [axis])],
  );
}

function bindAll(
  definition: Definition<Operation>,
  kind: 'operands' | 'results',
  tensors: Tensors,
  bound: Bound,
  title: string,
): void {
  const wanted = definition[kind];
  const stranger = Object.keys(tensors).find((name) => !(name in wanted));
  if (stranger) throw new InputError(`${title}: has no ${kind} ${stranger}, but ${Object.keys(wanted).join(', ')}`);
  for (const [name, text] of Object.entries(wanted)) {
    const tensor = tensors[name];
    const pattern = patternOf(text);
    if (!tensor) {
      if (pattern.isOptional) continue;
      throw new InputError(`${title}: ${name} is missing, right would be ${text}`);
    }
    const before = new Map(bound);
    if (pattern.dtypes.includes(tensor.dtype) && bind(pattern, tensor.shape, bound)) continue;
    const right = `${pattern.dtypes.join(' or ')} [${shapeOf(pattern, before)}]`;
    throw new InputError(
      `${title}: ${name} (${tensor.name}) is ${tensor.dtype} [${tensor.shape}], right would be ${right}`,
    );
  }
}

/** Applies the shape rule: binds sizes that are not known yet, others must agree. */
function applyRule(
  definition: Definition<Operation>,
  { operands, attributes }: Pick<AnyNode, 'operands' | 'attributes'>,
  bound: Bound,
  title: string,
): void {
  const sizes = sizesIn(bound);
  const ruled: Readonly<Record<string, number>> = definition.sizes?.(sizes, attributes) ?? {};
  for (const [letter, size] of Object.entries(ruled)) {
    if (!(Number.isInteger(size) && size >= 1)) {
      const why = definition.check?.(attributes, sizes, operands) ?? `the size ${letter} would be ${size}`;
      throw new InputError(`${title}: ${why}`);
    }
    const known = bound.get(letter);
    if (known && known[0] !== size) {
      throw new InputError(`${title}: the size ${letter} is ${known[0]}, right would be ${size}`);
    }
    bound.set(letter, [size]);
  }
}

function sizesIn(bound: Bound): Sizes<Operation['signature']> {
  return Object.fromEntries([...bound].map(([letter, axes]) => [letter.replace('...', ''), elementCount(axes)]));
}

/**
 * The sizes of a node by letter.
 *
 * @throws {InputError} if operands, results or attributes are not as in the definition.
 */
export function sizesOf(definition: Definition<Operation>, node: AnyNode): Sizes<Operation['signature']> {
  const title = titleOf(node);
  const bound: Bound = new Map();
  bindAll(definition, 'operands', node.operands, bound, title);
  bindAll(definition, 'results', node.results, bound, title);
  const fault = definition.check?.(node.attributes, sizesIn(bound), node.operands);
  if (fault) throw new InputError(`${title}: ${fault}`);
  applyRule(definition, node, bound, title);
  return sizesIn(bound);
}

/**
 * The shapes of an operation's results for these operands.
 *
 * @throws {InputError} if operands are not as in the definition, or if a result would be empty. Other attributes are
 *   checked when the graph is complete (`passes/validation.ts`).
 */
export function resultShapes<T extends Operation>(
  definition: Definition<T>,
  operands: T['operands'],
  attributes: T['attributes'],
): { readonly [N in keyof T['results']]: Shape } {
  const untyped = definition as unknown as Definition<Operation>;
  const bound: Bound = new Map();
  bindAll(untyped, 'operands', operands, bound, untyped.op);
  applyRule(untyped, { operands, attributes } as unknown as AnyNode, bound, untyped.op);
  const shapes = Object.entries(untyped.results).map(([name, text]) => {
    const shape = shapeOf(patternOf(text), bound);
    const unknown = shape.find((size) => typeof size === 'string');
    if (unknown) throw new Error(`${untyped.op}: no shape rule says how large ${unknown} of ${name} is`);
    return [name, shape];
  });
  return Object.fromEntries(shapes);
}

/** A node by its operation and its first result. */
export function titleOf(node: Pick<AnyNode, 'op' | 'results'>): string {
  return `${node.op} ${resultsOf(node)[0]?.name ?? ''}`.trim();
}
