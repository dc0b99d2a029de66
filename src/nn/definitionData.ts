/** Network definitions from files. A file may hold anything, so it is checked before a network is built. */

import { InputError } from '../errors.js';
import { Graph } from '../graph/index.js';
import { definitionOf } from '../ops/index.js';
import { sizesOf } from '../ops/shapes.js';
import { activations, inputName, type Layer, type NetworkDefinition, readsOf } from './layer.js';
import { NetworkBuilder } from './networkBuilder.js';
import { unquantized } from './quantizerSettings.js';
import { Variables } from './variables.js';

/** A predicate for the value at a place of a definition. */
type Check = (value: unknown) => boolean;

const name: Check = (value) => typeof value === 'string' && value !== '';
const amount: Check = (value) => Number.isFinite(value) && Number(value) >= 0;
const whole: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const positive: Check = (value) => whole(value) && value !== 0;
const oneOf =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value);
const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));
const listOf =
  (count: number, check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length === count && value.every(check);

/** Checks for an object with exactly these keys and any of the optional ones. */
function record(needed: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>> = {}): Check {
  const checks = new Map(Object.entries({ ...needed, ...optional }));
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.keys(needed).every((key) => Object.hasOwn(value, key)) &&
    Object.entries(value).every(([key, own]) => checks.get(key)?.(own) ?? false);
}

/** Tells whether a value is the distribution of a weight's initial values. */
export const isInitializer = either(
  oneOf('zeros', 'ones'),
  record({ he: oneOf('fanIn', 'fanOut') }),
  record({ normal: amount }),
  record({ uniform: amount }),
);
const perAxis = either(whole, listOf(2, whole));
const sides = record({ top: whole, bottom: whole, left: whole, right: whole });
const flag = oneOf(true, false);
const windowOptions = {
  stride: perAxis,
  padding: either(perAxis, oneOf('same'), sides),
  dilation: perAxis,
  ceil: flag,
};
const window = record({ size: perAxis }, windowOptions);
const read = { kind: name, name, input: name };
const activated = { activation: oneOf(...activations), output: name };
const batchNormNames = record({ gamma: name, beta: name, mean: name, variance: name });
const batchNorm = either(oneOf(null), batchNormNames);
const starts = record({ weight: isInitializer, bias: isInitializer });
const weighted = { ...read, ...activated, weight: name, bias: either(oneOf(null), name), batchNorm, start: starts };
const filters = { ...weighted, window };
const several: Check = (value) => Array.isArray(value) && value.length > 1 && value.every(name);

const layers: Readonly<Record<Layer['kind'], Check>> = {
  conv: record({ ...filters, channels: whole, groups: positive }),
  depthwise: record(filters),
  linear: record({ ...weighted, outputs: whole, layout: oneOf('transposed', 'plain') }),
  batchNorm: record({ ...read, ...activated, batchNorm: batchNormNames }),
  add: record({ kind: name, name, inputs: listOf(2, name), ...activated }),
  maxPool: record({ ...read, window }),
  averagePool: record({ ...read, window: record({ size: perAxis }, { ...windowOptions, countsPadding: flag }) }),
  globalAverage: record(read),
  flatten: record(read),
  concat: record({ kind: name, name, inputs: several }),
  slice: record({ ...read, first: whole, channels: whole }),
  shuffle: record({ ...read, groups: positive }),
  multiply: record({ kind: name, name, inputs: listOf(2, name), ...activated }),
  activation: record({ ...read, ...activated }),
  subsample: record({ ...read, stride: whole, extraChannels: whole }),
  scale: record(read),
};

/** Throws an `InputError`, beginning with `source`, for a value that is no layer. */
export function demandLayer(value: unknown, source: string): void {
  const kind = String((value as { readonly kind?: unknown } | null)?.kind);
  if (Object.hasOwn(layers, kind) && layers[kind as Layer['kind']](value)) return;
  throw new InputError(`${source}: a layer that is none: ${JSON.stringify(value)?.slice(0, 200)}`);
}

/**
 * The value as a definition.
 *
 * @throws InputError, beginning with `source`, if the value is no definition, or describes a network that cannot be
 * built
 */
export function readDefinition(value: unknown, source: string): NetworkDefinition {
  const { layers: list } = (value ?? {}) as Partial<NetworkDefinition>;
  if (!Array.isArray(list))
    throw new InputError(`${source}: is no definition of a network, such as network(…) returns`);
  for (const layer of list) demandLayer(layer, source);
  const form = record({
    input: listOf(3, whole),
    layers: Array.isArray,
    output: name,
    outputs: either(whole, listOf(3, whole)),
  });
  if (!form(value)) throw new InputError(`${source}: a definition has input, layers, output and outputs, and no more`);
  const definition = value as NetworkDefinition;
  checkBuildable(definition, source);
  return definition;
}

function checkBuildable({ input, layers, output, outputs }: NetworkDefinition, source: string): void {
  const builder = shapeBuilder(input);
  const known = new Set([inputName]);
  for (const layer of layers) {
    const missing = readsOf(layer).find((own) => !known.has(own));
    if (missing !== undefined)
      throw new InputError(`${source}: ${layer.name} reads ${missing}, which no layer before it is`);
    if (known.has(layer.name)) throw new InputError(`${source}: the name ${layer.name} stands twice`);
    known.add(layer.name);
    try {
      builder.append(layer);
    } catch (error) {
      throw error instanceof InputError ? new InputError(`${source}: ${layer.name}: ${error.message}`) : error;
    }
  }
  const shape = known.has(output) ? builder.computed(output).shape.join() : 'nothing';
  if (shape === `1,${outputs}`) return;
  throw new InputError(`${source}: its output ${output} is ${shape.replace(/^1,/, '')}, not ${outputs}`);
}

/**
 * A builder that finds the shapes and faults of a network for one image, layer by layer, without quantizers and values.
 */
export function shapeBuilder(
  input: NetworkDefinition['input'],
  graph = new Graph(),
  variables = new Variables(null),
): Pick<NetworkBuilder, 'append' | 'computed'> {
  const context = { graph, variables, training: true, ranges: graph.tensor('ranges', [1, 2]) };
  const images = graph.tensor(inputName, [1, ...input]);
  const builder = new NetworkBuilder({ ...context, weights: unquantized, activations: unquantized }, images);
  return {
    append: (layer) => {
      const first = graph.nodes.length;
      const y = builder.append(layer);
      for (const node of graph.nodes.slice(first)) sizesOf(definitionOf(node), node);
      return y;
    },
    computed: (name) => builder.computed(name),
  };
}
