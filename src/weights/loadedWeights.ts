/** Weights to start from or to evaluate. */

import { InputError } from '../errors.js';
import type { StartingWeights } from '../nn/index.js';
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
