/**
 * Checks resnet18.json: parameters, layers, activations and sizes of published architectures, compared with the built
 * networks. Networks that `nn/` does not have are reported as skipped.
 */

import { z } from 'zod';
import { elementCount } from '../graph/index.js';
import { storedShape } from '../nn/index.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { bitsPerKbyte, floatBits, tableSizes } from '../quant/index.js';
import { readGolden } from './goldenFile.js';
import { goldenEvaluation } from './goldenProgram.js';
import { activationShapes, layerFacts } from './networkFacts.js';
import type { Tally } from './tally.js';

const shape = z.array(z.number());
const network = z.object({
  name: z.string(),
  input_shape: z.tuple([z.number(), z.number(), z.number()]),
  num_classes: z.number(),
  output_shape: shape,
  total_parameters: z.number(),
  conv_and_linear_parameters: z.number(),
  batchnorm_parameters: z.number(),
  batchnorm_running_values: z.number(),
  conv_and_linear_layers: z.number(),
  batchnorm_layers: z.number(),
  float_kbytes_conv_and_linear: z.number(),
  float_kbytes_all_parameters: z.number(),
  activation_tensors: z.number(),
  activation_count: z.number(),
  activation_float_kbytes_max: z.number(),
  activation_float_kbytes_sum: z.number(),
  parameters: z.array(z.object({ name: z.string(), shape, count: z.number() })),
  layers_in_forward_order: z.array(
    z.object({
      name: z.string(),
      type: z.enum(['conv', 'linear']),
      in_channels: z.number().optional(),
      in_features: z.number().optional(),
      stride: shape.optional(),
      padding: shape.optional(),
      bias: z.boolean(),
      weight_shape: shape,
      output_shape: shape,
      multiply_accumulates: z.number(),
    }),
  ),
  activations: z.array(z.object({ shape, count: z.number() })),
});
const form = z.object({ networks: z.array(network) });
type Network = z.output<typeof network>;

/** Models by their names in the file; others are skipped. */
const MODELS: Readonly<Record<string, string>> = { resnet18: 'resnet18', 'mobilenet_v2_1.0': 'mobilenetv2' };

export function checkArchitectures(path: string, tally: Tally): void {
  for (const golden of readGolden(path, 'mpdnn-golden/architectures/1', form).networks) {
    const title = `${golden.name} for ${golden.input_shape.join('×')} images, ${golden.num_classes} classes`;
    const model = MODELS[golden.name];
    if (!model) {
      tally.skip(`${title}: there is no such model`);
      continue;
    }
    tally.begin(title);
    const [, imageSize] = golden.input_shape;
    const classes = golden.num_classes;
    const program = goldenEvaluation({ where: path, settings: { model }, classes, imageSize });
    checkParameters(tally, golden, program);
    checkLayers(tally, golden, program);
    checkActivations(tally, golden, program);
  }
}

function checkParameters(tally: Tally, golden: Network, { variables }: TrainingProgram): void {
  const sizes = variables.parameters.map(({ name, shape, layout }) => {
    return { name, shape, layout, count: elementCount(shape) };
  });
  for (const { name, shape, count } of golden.parameters) {
    const parameter = sizes.find((known) => known.name === name);
    tally.same(`shape of ${name}`, parameter && storedShape(parameter.shape, parameter.layout), shape);
    tally.same(`count of ${name}`, parameter?.count, count);
  }
  const total = sizes.reduce((sum, { count }) => sum + count, 0);
  const counted = variables.unquantized.weights;
  tally.same('number of parameter tensors', sizes.length, golden.parameters.length);
  tally.same('total_parameters', total, golden.total_parameters);
  tally.same('conv_and_linear_parameters', counted, golden.conv_and_linear_parameters);
  tally.same('batchnorm_parameters', total - counted, golden.batchnorm_parameters);
  const running = variables.running.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  tally.same('batchnorm_running_values', running, golden.batchnorm_running_values);
  tally.same('batchnorm_layers', variables.layers.length, golden.batchnorm_layers);
  tally.near('kB of all parameters', (total * floatBits) / bitsPerKbyte, golden.float_kbytes_all_parameters, 0);
}

function checkLayers(tally: Tally, golden: Network, program: TrainingProgram): void {
  const byWeight = new Map(layerFacts(program).map((layer) => [layer.weight, layer]));
  tally.same('conv_and_linear_layers', byWeight.size, golden.conv_and_linear_layers);
  for (const expected of golden.layers_in_forward_order) {
    const layer = byWeight.get(`${expected.name}.weight`);
    const window = ({ stride, padding }: { stride: number; padding: number }) => [stride, stride, padding, padding];
    tally.same(
      expected.name,
      layer && [
        layer.type,
        layer.inputChannels,
        layer.type === 'conv' ? window(layer) : [],
        layer.hasBias,
        layer.weightShape,
        layer.outputShape,
        layer.multiplyAccumulates,
      ],
      [
        expected.type,
        expected.in_channels ?? expected.in_features,
        [...(expected.stride ?? []), ...(expected.padding ?? [])],
        expected.bias,
        expected.weight_shape,
        expected.output_shape,
        expected.multiply_accumulates,
      ],
    );
  }
  const last = golden.layers_in_forward_order.at(-1);
  tally.same('output_shape', last && byWeight.get(`${last.name}.weight`)?.outputShape, golden.output_shape);
}

function checkActivations(tally: Tally, golden: Network, program: TrainingProgram): void {
  const { variables } = program;
  const counts = variables.unquantizedTensors('activation').map(([, count]) => count);
  const shapes = activationShapes(program);
  tally.same('activation_tensors', counts.length, golden.activation_tensors);
  golden.activations.forEach(({ shape, count }, index) => {
    tally.same(`shape of activation ${index}`, shapes[index], shape);
    tally.same(`count of activation ${index}`, counts[index], count);
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  tally.same('activation_count', total, golden.activation_count);
  const sizes = tableSizes(variables.quantizers, variables.table, variables.unquantized);
  tally.near('weight kB', sizes.weightKbytes, golden.float_kbytes_conv_and_linear, 0);
  tally.near('largest activation kB', sizes.activationMaxKbytes, golden.activation_float_kbytes_max, 0);
  tally.near('all activations kB', sizes.activationSumKbytes, golden.activation_float_kbytes_sum, 0);
}
