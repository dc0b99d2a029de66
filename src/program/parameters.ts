/**
 * Learned values as named tensors, as in files: read from a program, and restored.
 *
 * They include the constants (n, d) and (n, m) of fixed quantizers, which follow from the weights that a run started
 * from, not from its later weights.
 */

import type { Program } from '../engine/engine.js';
import { InputError } from '../errors.js';
import type { StartingWeights } from '../nn/index.js';
import type { ParameterName, Quantizer } from '../quant/index.js';
import type { LoadedWeights } from '../weights/loadedWeights.js';
import type { NamedTensor } from '../weights/safetensors.js';
import {
  checkPlaces,
  copyPlaces,
  evaluatedPlaces,
  learnedPlaces,
  type Place,
  quantizerValueName,
  writePlaces,
} from './learnedValues.js';
import type { TrainingProgram } from './trainingProgram.js';

/** Copies all learned values that evaluation uses, as {@link copyTensors} does, with published names. */
export async function copyParameters(training: TrainingProgram, program: Program): Promise<() => NamedTensor[]> {
  return copyTensors(evaluatedPlaces(training), training, program);
}

/** Copies the values at some places, as {@link copyPlaces} does; the constants of fixed quantizers are added. */
export async function copyTensors(
  places: readonly Place[],
  training: Pick<TrainingProgram, 'variables'>,
  program: Program,
): Promise<() => NamedTensor[]> {
  const copied = await copyPlaces(program, places);
  return () => [...copied(), ...fixedTensors(training)];
}

/**
 * Replaces all learned values by those of a file, which must belong to this network with its quantizers.
 *
 * @throws InputError if it belongs to another network, with the difference
 */
export function restoreParameters(training: TrainingProgram, program: Program, weights: LoadedWeights): void {
  const places = evaluatedPlaces(training);
  // A checkpoint is a file of parameters with more tensors, whose names have a prefix with a colon.
  checkLearned(
    places,
    training,
    weights,
    weights.names.filter((name) => !name.includes(':')),
  );
  writePlaces(training, program, places, weights);
}

/**
 * Checks the parameters of a teacher and gives its fixed quantizers their constants, before an engine loads the
 * program. Returns a function that writes the parameters to the loaded program.
 *
 * @throws InputError if some are missing, with their names
 */
export function teach({ plan, teacher }: TrainingProgram, weights: StartingWeights): (program: Program) => void {
  if (!teacher) throw new Error(`${weights.source}: the network learns from no teacher`);
  const network = { plan, variables: teacher };
  const places = learnedPlaces(network);
  checkPlaces(places, weights, []);
  useFixedPairs(network, weights);
  return (program) => writePlaces(network, program, places, weights);
}

/**
 * Throws an `InputError` unless `names`, those of a file, match the places and the constants of fixed quantizers one to
 * one.
 */
export function checkLearned(
  places: readonly Place[],
  training: TrainingProgram,
  weights: LoadedWeights,
  names: readonly string[],
): void {
  const fixed = new Set(fixedTensors(training).map(({ name }) => name));
  checkPlaces(
    places,
    weights,
    names.filter((name) => !fixed.has(name)),
  );
}

/**
 * Gives fixed quantizers the constants in a file, instead of those computed from the weights that the program was built
 * with. To be called before an engine loads the program.
 *
 * @throws InputError if one is missing or has other bits
 */
export function useFixedPairs({ variables }: Pick<TrainingProgram, 'variables'>, weights: StartingWeights): void {
  for (const [row, quantizer] of variables.quantizers.entries()) {
    if (!quantizer.fixed) continue;
    const names = fixedValueNames(quantizer);
    const [bits, second] = names.map((name) => weights.get(name)?.values[0]);
    if (bits === undefined || second === undefined) {
      throw new InputError(`${weights.source}: lacks ${names.join(' or ')}; it belongs to other settings`);
    }
    if (bits !== quantizer.fixed[0]) {
      throw new InputError(`${weights.source}: ${quantizer.name} has ${bits} bits, here it has ${quantizer.fixed[0]}`);
    }
    variables.quantizers[row] = { ...quantizer, fixed: [bits, second] };
  }
}

function fixedValueNames(quantizer: Quantizer): [string, string] {
  const second: ParameterName = quantizer.kind === 'fp' ? 'd' : 'm';
  return [quantizerValueName(quantizer, 'n'), quantizerValueName(quantizer, second)];
}

/** The constants of fixed quantizers as tensors; float64 on all engines, since the host computes them. */
function fixedTensors({ variables }: Pick<TrainingProgram, 'variables'>): NamedTensor[] {
  return variables.quantizers.flatMap((quantizer) => {
    const { fixed } = quantizer;
    if (!fixed) return [];
    return fixedValueNames(quantizer).map((name, index) => ({ name, shape: [], data: Float64Array.of(fixed[index]!) }));
  });
}
