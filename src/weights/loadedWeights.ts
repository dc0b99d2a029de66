/** Weights to start from or to evaluate, and a report on which of them a network used. */

import { InputError } from '../errors.js';
import { nearestName } from '../nearestName.js';
import type { StartingWeights, Variables } from '../nn/index.js';
import { parameterNames } from '../quant/index.js';
import { type NamedTensor, type Safetensors, typeOf } from './safetensors.js';

/** Starting weights with known names. */
export interface LoadedWeights extends StartingWeights {
  /** Names of all tensors in the file, in its order. */
  readonly names: readonly string[];
  /** Class names of its network, in the order of the outputs; absent if the file has none. */
  readonly classes?: readonly string[] | undefined;
  /** Texts by their keys; only of safetensors files. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The use of a file's tensors by a network. */
export interface LoadReport {
  /** The network's tensors that the file has. */
  readonly matched: readonly string[];
  /** Parameters and running moments that the file lacks; missing quantizers start from data. */
  readonly missing: readonly string[];
  /** The file's tensors that the network does not have. */
  readonly unused: readonly string[];
}

/** The values of one tensor. */
export interface WeightValues {
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array;
}

/**
 * The floating-point tensors of a safetensors file. `get` throws an `InputError` for others (counters, states of
 * generators) and for `unread` ones.
 */
export function weightsOf(
  tensors: ReadonlyMap<string, NamedTensor>,
  source: string,
  unread: ReadonlyMap<string, string> = new Map(),
): LoadedWeights {
  const weights = new Map<string, WeightValues>();
  const others = new Map(unread);
  for (const [name, { shape, data }] of tensors) {
    if (data instanceof Float32Array || data instanceof Float64Array) weights.set(name, { shape, values: data });
    else others.set(name, typeOf(data));
  }
  return loadedWeights(source, weights, others);
}

/**
 * Weights from values by name, in the file's order; values may be read on demand. `others`: types of the tensors that
 * are not floating-point, by name; `get` throws for these only.
 */
export function loadedWeights(
  source: string,
  weights: Pick<ReadonlyMap<string, WeightValues>, 'keys' | 'get'>,
  others: ReadonlyMap<string, string>,
): LoadedWeights {
  return {
    source,
    names: [...weights.keys()],
    get: (name) => {
      const type = others.get(name);
      if (type === undefined) return weights.get(name);
      throw new InputError(`${source}: ${name} has type ${type}; F64, F32, F16 and BF16 can be parameters`);
    },
  };
}

/**
 * The weights of a safetensors file called `source`, with its metadata and class names; `get` throws as that of `sound`
 * does.
 */
export function weightsToStartFrom({ tensors, unread, metadata }: Safetensors, source: string): LoadedWeights {
  return { ...sound(weightsOf(tensors, source, unread)), metadata, classes: classesOf(metadata) };
}

/** The class names in the metadata of one of our files; other programs use the same key for other things. */
function classesOf({ data }: Readonly<Record<string, string>>): readonly string[] | undefined {
  try {
    const { classes } = JSON.parse(data ?? 'null');
    return Array.isArray(classes) && classes.every((name) => typeof name === 'string') ? classes : undefined;
  } catch {
    return undefined;
  }
}

/** The same weights; `get` throws an `InputError` for NaN, infinity and negative variances. */
export function sound(weights: LoadedWeights): LoadedWeights {
  return {
    ...weights,
    get: (name) => {
      const found = weights.get(name);
      const least = isVariance(name) ? 0 : -Number.MAX_VALUE;
      const isSound = (value: number) => value >= least && value <= Number.MAX_VALUE;
      for (let index = 0; index < (found?.values.length ?? 0); index++) {
        const value = found!.values[index]!;
        if (isSound(value)) continue;
        throw new InputError(
          `${weights.source}: ${name} holds ${value} (value ${index} of ${found!.values.length}): ` +
            `${isVariance(name) ? 'a variance is finite and not negative' : 'parameters are finite'}`,
        );
      }
      return found;
    },
  };
}

/** Tells whether a name is NNabla's or PyTorch's for a running variance. */
function isVariance(name: string): boolean {
  return /(?:^|[/.])(?:running_)?var$/.test(name);
}

/**
 * Reports which tensors of `starting` the network uses.
 *
 * @throws InputError if none is a parameter of the network: the file then belongs to another one
 */
export function loadReport(variables: Variables, starting: LoadedWeights): LoadReport {
  const own = [...variables.parameters, ...variables.running].map(({ name }) => name);
  const quantizers = variables.quantizers.flatMap(({ name, kind }) =>
    parameterNames(kind).map((parameter) => `${name}/${kind}/${parameter}`),
  );
  const ofQuantizers = new Set(variables.parameters.flatMap(({ name, group }) => (group === 'exponent' ? [name] : [])));
  const given = new Set(starting.names.filter((name) => !variables.startsAfresh(name)));
  const used = new Set([...own, ...quantizers].filter((name) => given.has(name)));
  if (!variables.parameters.some(({ name }) => used.has(name))) throw anotherNetwork(variables, starting);
  return {
    matched: [...used],
    missing: own.filter((name) => !given.has(name) && !ofQuantizers.has(name)),
    unused: starting.names.filter((name) => !used.has(name)),
  };
}

/** The report in one line, with the names of fresh and unused tensors. `classes`: those of the network. */
export function startLine(variables: Variables, starting: LoadedWeights, classes: readonly string[]): string {
  const { matched, missing, unused } = loadReport(variables, starting);
  const head = missing.some((name) => variables.startsAfresh(name))
    ? '; its last layer is of other classes'
    : renamed(starting.classes, classes);
  const near = (name: string) => {
    const other = variables.startsAfresh(name) ? undefined : nearestName(name, unused);
    return other === undefined ? name : `${name}, for which it may have ${other}`;
  };
  const fresh = `${missing.length} fresh${inBrackets(missing, near)}`;
  return (
    `starts from ${starting.source}: ${matched.length} tensors taken, ${fresh}, ` +
    `${unused.length} unused${inBrackets(unused)}${head}`
  );
}

/** The first six names in brackets, each formatted by `shown`; empty for none. */
function inBrackets(names: readonly string[], shown = (name: string) => name): string {
  if (names.length === 0) return '';
  const more = names.length > 6 ? ` and ${names.length - 6} more` : '';
  return ` (${names.slice(0, 6).map(shown).join(', ')}${more})`;
}

/**
 * A remark if the same number of classes has other names or another order, which gives the last layer another meaning.
 */
function renamed(theirs: readonly string[] | undefined, ours: readonly string[]): string {
  const label = theirs?.findIndex((name, index) => name !== ours[index]) ?? -1;
  return label < 0
    ? ''
    : `; its classes are others, class ${label} is '${theirs![label]}' there and '${ours[label]}' here`;
}

function anotherNetwork(variables: Variables, { source, names }: LoadedWeights): InputError {
  const theirs = names.length > 0 ? `its first names are ${firstOf(names)}` : 'it holds no floating-point tensor';
  const own = variables.parameters.map(({ name }) => name);
  const near = nearestName(own[0] ?? '', names);
  return new InputError(
    `${source}: holds parameters of another network: ${theirs}; this network has ${firstOf(own)}` +
      (near === undefined ? '' : ` (nearest to ${own[0]} is ${near})`),
  );
}

function firstOf(names: readonly string[]): string {
  return names.slice(0, 3).join(', ') + (names.length > 3 ? ', …' : '');
}
