/**
 * Places of all learned values in the storages of a program, with the names and layouts of files. One list serves for
 * reading the values, for checking a file and for restoring values.
 */

import type { Program, StorageArray } from '../engine/engine.js';
import { InputError } from '../errors.js';
import { elementCount, type Shape } from '../graph/index.js';
import {
  averageStorages,
  fromStored,
  type Layout,
  STORAGE,
  type StartingWeights,
  storedShape,
  toStored,
} from '../nn/index.js';
import { METRICS_LENGTH } from '../ops/attributes.js';
import { type ParameterName, parameterNames, type Quantizer } from '../quant/index.js';
import type { NamedTensor } from '../weights/index.js';
import type { TrainingProgram } from './trainingProgram.js';

/** A named value in a storage. */
export interface Place {
  readonly name: string;
  readonly storage: string;
  readonly offset: number;
  /** The engines' shape. */
  readonly shape: Shape;
  readonly layout: Layout;
}

/** Places of parameters, running moments and the learned values of quantizers (scalars). */
export function learnedPlaces({ variables }: Pick<TrainingProgram, 'variables'>): Place[] {
  const storage = variables.storageName(STORAGE.quantizers);
  const scalars = variables.quantizers.flatMap((quantizer, row) =>
    parameterNames(quantizer.kind).map((parameter, column): Place => {
      const name = quantizerValueName(quantizer, parameter);
      return { name, storage, offset: 2 * row + column, shape: [], layout: 'plain' };
    }),
  );
  const tensors = [...variables.parameters, ...variables.running].map(({ name, shape, layout, view }) => ({
    ...{ name, shape, layout },
    storage: view.storage.name,
    offset: view.offset,
  }));
  return [...tensors, ...scalars];
}

/**
 * Places of the learned values that evaluation uses: moving averages of parameters and running moments, if they are
 * kept.
 */
export function evaluatedPlaces(training: TrainingProgram): Place[] {
  const places = learnedPlaces(training);
  if (!training.options.movingAverages) return places;
  return places.map((place) => ({ ...place, storage: averageStorages.get(place.storage) ?? place.storage }));
}

/** The published name of a learned value of a quantizer. */
export function quantizerValueName({ name, kind }: Quantizer, parameter: ParameterName): string {
  return `${name}/${kind}/${parameter}`;
}

/** Places of the optimizer's state, moving averages, bit caps, and the metrics of the epoch so far. */
export function optimizerPlaces(program: TrainingProgram): Place[] {
  const inPlan = new Set(program.plan.storages.map(({ name }) => name));
  const learned = learnedPlaces(program);
  const followers = [
    [STORAGE.parameters, STORAGE.velocity, 'velocity'],
    [STORAGE.parameters, STORAGE.secondMoment, 'secondMoment'],
    [STORAGE.quantizers, STORAGE.quantizerVelocity, 'velocity'],
    [STORAGE.quantizers, STORAGE.quantizerSecondMoment, 'secondMoment'],
    ...[...averageStorages].map(([followed, average]) => [followed, average, 'average'] as const),
  ] as const;
  const places = followers.flatMap(([followed, storage, prefix]) =>
    inPlan.has(storage)
      ? learned
          .filter((place) => place.storage === followed)
          .map((place): Place => ({ ...place, storage, name: `${prefix}:${place.name}` }))
      : [],
  );
  const metrics: Place = {
    name: 'metrics:',
    storage: STORAGE.metrics,
    offset: 0,
    shape: [METRICS_LENGTH],
    layout: 'plain',
  };
  const caps: Place = {
    name: 'bitCaps:',
    storage: STORAGE.bitCaps,
    offset: 0,
    shape: [program.variables.quantizers.length],
    layout: 'plain',
  };
  return [...places, metrics, ...(inPlan.has(STORAGE.bitCaps) ? [caps] : [])];
}

/**
 * Copies the values at some places, as they are at the time of the call. Resolves to a function that makes tensors of
 * them in the stored layout, float64 from the reference engine and float32 from others.
 */
export async function copyPlaces(program: Program, places: readonly Place[]): Promise<() => NamedTensor[]> {
  const names = [...new Set(places.map(({ storage }) => storage))];
  const read = await Promise.all(names.map(async (name) => [name, await program.read(name)] as const));
  const storages = new Map<string, StorageArray>(read);
  return () =>
    places.map(({ name, storage, offset, shape, layout }) => {
      const values = storages.get(storage);
      if (!(values instanceof Float32Array || values instanceof Float64Array)) {
        throw new Error(`storage ${storage} does not hold floats`);
      }
      const own = values.subarray(offset, offset + elementCount(shape));
      return { name, shape: storedShape(shape, layout), data: toStored(own, shape, layout) };
    });
}

/**
 * Throws an `InputError` unless the values of a file fit the places one to one. `names`: those of the file, since a
 * deeper network has all names of a shallower one, and more. Sizes of 1 are ignored, since NNabla's [1, C, 1, 1] is our
 * [C].
 */
export function checkPlaces(places: readonly Place[], weights: StartingWeights, names: readonly string[]): void {
  const fault = (what: string) =>
    new InputError(`${weights.source}: ${what}; it belongs to another network or to other settings`);
  for (const { name, shape, layout } of places) {
    const given = weights.get(name);
    if (!given) throw fault(`has no ${name}`);
    const wanted = storedShape(shape, layout);
    if (squeezed(given.shape) !== squeezed(wanted)) {
      throw fault(`${name} has shape [${given.shape}] instead of [${wanted}]`);
    }
  }
  const known = new Set(places.map(({ name }) => name));
  const strange = names.find((name) => !known.has(name));
  if (strange !== undefined) throw fault(`has ${strange}, which this network does not have`);
}

/**
 * Writes checked values to their places; gaps between them become zero, as in a new program. An evaluation has no storage
 * for the moments of layers that its output does not need.
 */
export function writePlaces(
  { plan }: Pick<TrainingProgram, 'plan'>,
  program: Program,
  places: readonly Place[],
  weights: StartingWeights,
): void {
  const storages = new Map<string, Float64Array>();
  for (const { name, length } of plan.storages) {
    if (places.some(({ storage }) => storage === name)) storages.set(name, new Float64Array(length));
  }
  for (const { name, storage, offset, shape, layout } of places) {
    storages.get(storage)?.set(fromStored(weights.get(name)!.values, shape, layout), offset);
  }
  for (const [name, values] of storages) program.write(name, values);
}

function squeezed(shape: Shape): string {
  return shape.filter((size) => size !== 1).join('×');
}
