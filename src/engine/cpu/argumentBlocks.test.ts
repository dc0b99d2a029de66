/** The lowerings write what the kernels read: blocks with the fields of the kernels' classes, in their order. */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { families } from '../../../test/engine/conformance.js';
import { windowLike } from '../../../test/engine/windows.js';
import { Graph } from '../../graph/index.js';
import { makePlan } from '../../passes/index.js';
import type { ArgumentBlock, KernelCall, LoweringContext } from './lowered.js';
import * as depthwise from './lowering/depthwise.js';
import { lower } from './lowering/index.js';
import { lowerQuantized } from './lowering/integerProducts.js';

const folder = fileURLToPath(new URL('./kernels/', import.meta.url));
const sources = readdirSync(folder).map((name) => readFileSync(`${folder}${name}`, 'utf8'));

/** `name: float` or `name: integer` of each word of a class, those it inherits first. */
const layouts = new Map<string, readonly string[]>();
/** The class that a kernel's arguments are, and the classes that its file names, which may stand behind them. */
const kernels = new Map<string, { readonly args: string; readonly others: readonly string[] }>();

const classes = sources.flatMap((source) => [...source.matchAll(/class (\w+)(?: extends (\w+))? \{([\s\S]*?)\n\}/g)]);
function layoutOf(name: string): readonly string[] {
  const [, , parent, body] = classes.find((found) => found[1] === name)!;
  const fields = [...body!.matchAll(/^ {2}(\w+): (usize|i32|f32);$/gm)];
  return [...(parent ? layoutOf(parent) : []), ...fields.map(([, field, type]) => word(field!, type === 'f32'))];
}
for (const source of sources) {
  const named = classes.map(([, name]) => name!).filter((name) => source.includes(name));
  for (const [, name, args] of source.matchAll(/^export function (\w+)\(args: (\w+), chunk/gm)) {
    kernels.set(name!, { args: args!, others: named.filter((other) => other !== args) });
  }
}
for (const [, name] of classes) layouts.set(name!, layoutOf(name!));

function word(name: string, isFloat: boolean): string {
  return `${name}: ${isFloat ? 'float' : 'integer'}`;
}

function written(block: ArgumentBlock): string[] {
  return Object.entries(block).map(([name, value]) => word(name, typeof value !== 'number'));
}

/** Lowers at address 0. */
const context: LoweringContext = {
  address: () => 0,
  scratch: () => 0,
  workerScratch: () => ({ base: 0, stride: 0 }),
  isQuantized: () => false,
  choice: () => 0,
  alternatives: (first, second) => [first(), second()],
  gridOf: () => ({ range: 0, signed: true }),
  lowerQuantized,
  depthwise,
  floats: () => new Float32Array(),
};
/** Convolutions of more channels, or rows, than conformance cases have. */
const wide = new Graph();
const tensor = (name: string, ...shape: number[]) =>
  wide.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
for (const taps of [1, 3]) {
  wide.append(
    'conv2d',
    { x: tensor(`x${taps}`, 1, 6, 6, 256), w: tensor(`w${taps}`, taps, taps, 256, 256) },
    { y: tensor(`y${taps}`, 1, 6, 6, 256), moments: null },
    windowLike({ padding: (taps - 1) / 2 }),
  );
}

wide.append(
  'depthwiseConv2d',
  { x: tensor('high', 1, 96, 4, 4), w: tensor('depthwise', 3, 3, 4) },
  { y: tensor('y', 1, 96, 4, 4), moments: null },
  windowLike({ padding: 1 }),
);

const calls: KernelCall[] = [...Object.values(families).flat(), { plan: makePlan({ step: wide }) }]
  .flatMap(({ plan }) => Object.values(plan.phases).flat())
  .flatMap((node) => lower(node, context))
  .filter((call) => 'kernel' in call);

describe('argument blocks', () => {
  it.each([...kernels.keys()])('%s: written as they are read', (name) => {
    const { args, others } = kernels.get(name)!;
    const own = calls.filter((call) => call.kernel === name);
    expect(own.length).toBeGreaterThan(0);
    for (const call of own) {
      expect(written(call.args)).toEqual(layouts.get(args));
      for (const block of call.tables ?? [])
        expect(others.map((other) => layouts.get(other))).toContainEqual(written(block));
    }
  });
});
