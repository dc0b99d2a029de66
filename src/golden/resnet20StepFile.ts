/** The form of resnet20_step.json, and the start of its networks. */

import { z } from 'zod';
import { elementCount } from '../graph/index.js';
import type { StartingWeights } from '../nn/index.js';
import { namedNumbers } from './goldenQuantizer.js';
import { drawValues, initialValues } from './mulberry32.js';

const numbers = z.array(z.number());
const losses = z.object({
  loss1: z.number(),
  loss2: z.number(),
  loss3: z.number(),
  total: z.number(),
  weight_kbytes: z.number(),
  activation_kbytes: z.number(),
});
const afterThree = {
  steps: z.array(
    z.object({
      loss_before: losses,
      weight_kbytes_after: z.number(),
      activation_kbytes_after: z.number(),
      quantizer_params_after: namedNumbers,
    }),
  ),
  loss_after_3_steps_train_mode: losses,
  weight_bits_after: namedNumbers,
  activation_bits_after: namedNumbers,
  param_norms_after_3_steps: namedNumbers,
  first8_after_3_steps: z.record(z.string(), numbers),
  eval_mode_logits_after_3_steps: z.array(numbers),
  first_bn_running_mean_after_3_steps: numbers,
  first_bn_running_var_after_3_steps: numbers,
};
const sgd = z.object({ ...afterThree, lr: z.number(), momentum: z.number(), weight_decay: z.number() });
const adam = z.object({
  ...afterThree,
  alpha: z.number(),
  beta1: z.number(),
  beta2: z.number(),
  eps: z.number(),
  weight_decay: z.number(),
});
const fixedPair = z.object({ n: z.number(), delta: z.number().optional(), m: z.number().optional() });

const stepConfig = z.object({
  name: z.string(),
  config: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  batch: z.number(),
  input: z.object({ shape: z.tuple([z.number(), z.number(), z.number(), z.number()]), init: initialValues }),
  labels: numbers,
  params: z.array(z.object({ name: z.string(), shape: numbers, init: initialValues, first4: numbers.optional() })),
  fixed_weight_quantizers: z.record(z.string(), fixedPair).nullable(),
  fixed_activation_quantizer: fixedPair.nullable(),
  step0: losses.extend({
    logits: z.array(numbers),
    weight_bits: namedNumbers,
    activation_bits: namedNumbers,
    effective_quantizers: z.record(z.string(), namedNumbers),
  }),
  grads: z.record(z.string(), z.object({ l2: z.number(), first8: numbers })),
  quantizer_grads_after_decay_and_clipping: namedNumbers,
  first_bn: z.object({
    scope: z.string(),
    batch_mean: numbers,
    batch_var_biased: numbers,
    running_mean_after_1: numbers,
    running_var_after_1: numbers,
  }),
  all_bn_after_1: z.record(z.string(), z.object({ running_mean_l2: z.number(), running_var_l2: z.number() })),
  sgd,
  /** Absent in copies that are checked in less time. */
  adam: adam.optional(),
  float32_deviation: z.object({
    logits_max_abs: z.number(),
    loss1_abs: z.number(),
    grad_rel_l2_median: z.number(),
    grad_rel_l2_max: z.number(),
    sgd_total_after_3_abs: z.number(),
    adam_total_after_3_abs: z.number(),
  }),
});

export const resnet20StepForm = z.object({
  bn: z.object({ eps: z.number() }),
  generator_check: z.array(z.object({ seed: z.number(), first8_uint32: numbers })),
  configs: z.array(stepConfig),
});
export type StepConfig = z.output<typeof stepConfig>;
export type Losses = z.output<typeof losses>;
export type AfterThree = z.output<typeof sgd> | z.output<typeof adam>;

/** The initial values of a configuration, quantizers included. */
export function startingWeights({ name, params }: StepConfig): StartingWeights {
  const values = new Map(
    params.map(({ name, shape, init }) => [name, { shape, values: drawValues(init, elementCount(shape)) }]),
  );
  return { source: name, get: (name) => values.get(name) };
}

/** The batch, drawn in NCHW order, in NHWC. */
export function inputBatch({ input: { shape, init } }: StepConfig): Float64Array {
  const [batch, channels, height, width] = shape;
  const drawn = drawValues(init, elementCount(shape));
  const images = new Float64Array(drawn.length);
  const pixels = height * width;
  for (let image = 0; image < batch; image++) {
    for (let channel = 0; channel < channels; channel++) {
      const plane = (image * channels + channel) * pixels;
      for (let pixel = 0; pixel < pixels; pixel++) {
        images[(image * pixels + pixel) * channels + channel] = drawn[plane + pixel]!;
      }
    }
  }
  return images;
}
