/**
 * Checks sizes.json: counts, initial values and the first size report of every published experiment, and names and
 * shapes of all tensors, compared with the built networks.
 */

import { z } from 'zod';
import { storedShape } from '../nn/index.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { floatBits, parameterNames, type Quantizer, tableSizes } from '../quant/index.js';
import { readGolden } from './goldenFile.js';
import { goldenEvaluation } from './goldenProgram.js';
import { type NamedNumbers, namedNumbers } from './goldenQuantizer.js';
import { activationShapes, layerFacts } from './networkFacts.js';
import type { Tally } from './tally.js';
import { EXACT_ARITHMETIC } from './tolerances.js';

const section = z.object({
  name: z.string(),
  options: z.record(z.string(), z.string()),
  num_layers: z.number(),
  shortcut_type: z.string(),
  num_weights: z.number(),
  num_activations: z.number(),
  weight_tensors: z.number(),
  activation_tensors: z.number(),
  initial_weight_bits: z.number(),
  initial_activation_bits: z.number(),
  initial_weight_params: namedNumbers.nullable(),
  initial_activation_params: namedNumbers.nullable(),
  initial_weight_kbytes: z.number(),
  initial_activation_kbytes_max: z.number(),
  initial_activation_kbytes_sum: z.number(),
  target_weight_kbytes: z.number(),
  target_activation_kbytes: z.number(),
  target_activation_type: z.string(),
});
const tensor = z.object({ name: z.string(), shape: z.array(z.number()), count: z.number() });
const form = z.object({
  sections: z.array(section),
  architectures: z.array(section),
  layer_lists: z.array(
    z.object({
      num_layers: z.number(),
      shortcut_type: z.string(),
      weights: z.array(tensor.extend({ stride: z.number() })),
      activations: z.array(tensor),
    }),
  ),
});
type Section = z.output<typeof section>;
type LayerList = z.output<typeof form>['layer_lists'][number];

export function checkSizes(path: string, tally: Tally): void {
  const { sections, architectures, layer_lists } = readGolden(path, 'mpdnn-golden/sizes/1', form);
  for (const golden of [...sections, ...architectures]) {
    tally.begin(golden.name);
    const { num_layers, shortcut_type, options } = golden;
    checkSection(tally, golden, goldenEvaluation({ where: path, settings: { ...options, num_layers, shortcut_type } }));
  }
  for (const golden of layer_lists) {
    const { num_layers, shortcut_type } = golden;
    tally.begin(`layer list ${num_layers}/${shortcut_type || 'identity'}`);
    checkLayerList(tally, golden, goldenEvaluation({ where: path, settings: { num_layers, shortcut_type } }));
  }
}

interface CountedTensor {
  readonly name: string;
  readonly count: number;
  readonly quantizer: Quantizer | null;
}

/** Tensors of a role; quantized ones have the names of their quantizers. */
function tensorsOf({ variables }: TrainingProgram, role: 'weight' | 'activation'): CountedTensor[] {
  const quantized = variables.quantizers
    .filter((quantizer) => (quantizer.role === 'activation') === (role === 'activation'))
    .map((quantizer) => ({ name: quantizer.name, count: quantizer.count, quantizer }));
  const others = variables.unquantizedTensors(role).map(([name, count]) => ({ name, count, quantizer: null }));
  return [...quantized, ...others];
}

function checkSection(tally: Tally, golden: Section, program: TrainingProgram): void {
  const { variables, options } = program;
  const sizes = tableSizes(variables.quantizers, variables.table, variables.unquantized);
  for (const role of ['weight', 'activation'] as const) {
    const tensors = tensorsOf(program, role);
    const count = tensors.reduce((sum, tensor) => sum + tensor.count, 0);
    tally.same(`num_${role}s`, count, golden[`num_${role}s`]);
    tally.same(`${role}_tensors`, tensors.length, golden[`${role}_tensors`]);
    for (const { name, quantizer } of tensors) {
      const row = quantizer ? variables.quantizers.indexOf(quantizer) : -1;
      tally.same(`bits of ${name}`, quantizer ? sizes.bits[row] : floatBits, golden[`initial_${role}_bits`]);
      if (quantizer) checkStart(tally, quantizer, variables.table.slice(2 * row), golden[`initial_${role}_params`]);
    }
  }
  tally.near('weight kB', sizes.weightKbytes, golden.initial_weight_kbytes, 0);
  tally.near('largest activation kB', sizes.activationMaxKbytes, golden.initial_activation_kbytes_max, 0);
  tally.near('all activations kB', sizes.activationSumKbytes, golden.initial_activation_kbytes_sum, 0);
  tally.near('weight target', options.budget.weightKbytes, golden.target_weight_kbytes, 0);
  tally.near('activation target', options.budget.activationKbytes, golden.target_activation_kbytes, 0);
  tally.same('activation target type', options.budget.activationType, golden.target_activation_type);
}

function checkStart(tally: Tally, { name, kind }: Quantizer, start: readonly number[], golden: NamedNumbers | null) {
  const names = parameterNames(kind);
  tally.same(`learned values of ${name}`, [...names].sort(), Object.keys(golden ?? {}).sort());
  names.forEach((parameter, i) => {
    const expected = golden?.[parameter] ?? Number.NaN;
    tally.near(`${name} ${parameter}`, start[i], expected, EXACT_ARITHMETIC * Math.abs(expected));
  });
}

function checkLayerList(tally: Tally, golden: LayerList, program: TrainingProgram): void {
  const { variables } = program;
  const strides = new Map(layerFacts(program).map(({ weight, stride }) => [weight, stride]));
  const weights = tensorsOf(program, 'weight').map(({ name, count }) => {
    const variable = variables.find(name);
    const shape = variable ? storedShape(variable.shape, variable.layout) : [];
    return { name, shape, count, stride: strides.get(name) ?? 1 };
  });
  const shapes = activationShapes(program);
  const activations = tensorsOf(program, 'activation').map(({ name, count }, index) => {
    return { name: `${name}/Asize`, shape: shapes[index], count };
  });
  tally.same('number of weights', weights.length, golden.weights.length);
  golden.weights.forEach((expected, index) => {
    tally.same(`weight ${index}`, ordered(weights[index]), ordered(expected));
  });
  tally.same('number of activations', activations.length, golden.activations.length);
  golden.activations.forEach((expected, index) => {
    tally.same(`activation ${index}`, ordered(activations[index]), ordered(expected));
  });
}

/** Entries sorted by key, so that equal objects have equal texts. */
function ordered(value: object | undefined): [string, unknown][] {
  return Object.entries(value ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}
