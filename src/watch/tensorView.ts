/** The values of a trained tensor for the page: a histogram, and the results of the quantizer. */

import { statSync } from 'node:fs';
import { InputError } from '../errors.js';
import type { QuantizerDescription } from '../program/networkDescription.js';
import { channelScale, elementQuantizers, type QuantizerCore } from '../quant/index.js';
import { readWeightFile } from '../weights/index.js';
import { decodeSafetensors, type Safetensors } from '../weights/safetensors.js';
import type { TensorView } from './messages.js';

const BINS = 120;
/** The most levels that can be told apart in a picture. */
const MOST_LEVELS = 64;

/** A file of parameters for tensor views. */
export interface ParametersFile {
  readonly quantizers: readonly QuantizerDescription[];
  readonly file: Safetensors;
}

/**
 * Makes a function that reads a file of parameters, and keeps the last one. Checksums are not verified, since it is for
 * display. It throws an `InputError` if there is no file at the path, or if it does not describe its quantizers.
 */
export function parametersReader(): (path: string) => ParametersFile {
  let last: { readonly key: string; readonly parameters: ParametersFile } | null = null;
  return (path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) throw new InputError('no epoch has ended yet: there are no parameters');
    const key = `${path} ${stat.mtimeMs} ${stat.ino}`;
    if (last?.key !== key) last = { key, parameters: readParameters(path) };
    return last.parameters;
  };
}

/** @throws InputError for a damaged file, or one of an older version */
export function readParameters(path: string): ParametersFile {
  const file = decodeSafetensors(readWeightFile(path), path);
  const described = file.metadata.quantizers;
  if (described === undefined) throw new InputError(`${path}: of an older version, it does not tell its quantizers`);
  return { file, quantizers: JSON.parse(described) };
}

/** @throws InputError for a tensor without a quantizer, or one without values in the file, such as an activation */
export function tensorView({ file, quantizers }: ParametersFile, name: string): TensorView {
  const quantizer = quantizers.find(({ tensor }) => tensor === name);
  if (!quantizer) throw new InputError(`${name}: no tensor with a quantizer`);
  const tensor = file.tensors.get(name);
  if (!tensor) throw new InputError(`${name}: values of activations are not kept`);
  const { core, signed, range, kind } = quantizer;
  const exponents = file.tensors.get(`${quantizer.name}/${kind}/exponents`)?.data;
  const scaled = Float64Array.from(tensor.data as Float32Array);
  if (exponents) {
    const perChannel = scaled.length / exponents.length;
    for (let i = 0; i < scaled.length; i++) {
      scaled[i] = scaled[i]! / channelScale(Number(exponents[Math.floor(i / perChannel)]));
    }
  }
  const [e0, e1] = range;
  const { value } = elementQuantizers[core];
  const low = signed ? -e1 : 0;
  const used = new Set<number>();
  let [zero, clipped, most] = [0, 0, e1];
  for (const x of scaled) {
    const quantized = value(signed, e0, e1, x);
    // Turns −0 into 0.
    used.add(quantized + 0);
    if (quantized === 0) zero++;
    if (x < low || x > e1) clipped++;
    most = Math.max(most, Math.abs(x));
  }
  const to = most * 1.02;
  const from = signed ? -to : 0;
  const counts = new Array<number>(BINS).fill(0);
  for (const x of scaled) {
    const bin = Math.floor(((x - from) / (to - from)) * BINS);
    counts[Math.max(0, Math.min(BINS - 1, bin))]!++;
  }
  const levels = levelsOf(core, signed, e0, e1);
  return {
    ...{ name, counts, from, to },
    levelCount: levels.length,
    levelsInUse: used.size,
    levels: levels.length > MOST_LEVELS ? [levels[0]!, levels.at(-1)!] : levels,
    zero: zero / scaled.length,
    clipped: clipped / scaled.length,
    perChannel: exponents !== undefined,
  };
}

/** All values of Q(x), in rising order. */
function levelsOf(core: QuantizerCore, signed: boolean, e0: number, e1: number): number[] {
  const { value } = elementQuantizers[core];
  const positive: number[] = [];
  switch (core) {
    case 'uniform':
    case 'fixedUniform': {
      // Clipping comes before rounding.
      const steps = Math.round(value(signed, e0, e1, e1) / e0);
      for (let step = 1; step <= steps; step++) positive.push(step * e0);
      break;
    }
    case 'pow2':
    case 'fixedPow2':
      for (let level = e0; level <= e1; level *= 2) positive.push(level);
      break;
    default:
      core satisfies never;
  }
  const hasZero = !signed || core === 'uniform' || core === 'fixedUniform';
  return [...(signed ? positive.map((level) => -level).reverse() : []), ...(hasZero ? [0] : []), ...positive];
}
