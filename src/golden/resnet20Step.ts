/**
 * Checks resnet20_step.json on an engine: the first training step of ResNet-20 in every detail, then three updates by
 * each solver, the network after them in evaluation mode, and one more training forward pass.
 */

import type { Engine } from '../engine/engine.js';
import { toStored } from '../nn/index.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { coreOf, effectiveRange, floatBits, type TableSizes, tableSizes } from '../quant/index.js';
import { readGolden } from './goldenFile.js';
import { mulberry32 } from './mulberry32.js';
import { type AfterThree, type Losses, resnet20StepForm, type StepConfig } from './resnet20StepFile.js';
import { type NamedTensors, type StepRun, startRun } from './stepRun.js';
import type { Tally } from './tally.js';
import {
  EXACT_ARITHMETIC,
  type Float32Deviation,
  type RunTolerances,
  type StepTolerances,
  stepTolerances,
} from './tolerances.js';

export async function checkResnet20Step(path: string, engine: Engine, tally: Tally): Promise<void> {
  const { bn, generator_check, configs } = readGolden(path, 'mpdnn-golden/resnet20-step/1', resnet20StepForm);
  for (const { seed, first8_uint32 } of generator_check) {
    tally.begin(`generator ${seed}`);
    const next = mulberry32(seed);
    tally.same('first numbers', first8_uint32.map(next), first8_uint32);
  }
  const tolerances = stepTolerances(engine, largestDeviation(configs));
  for (const golden of configs) {
    await checkMomentum(tally, engine, golden, bn.eps, tolerances);
    if (golden.adam) await checkAdam(tally, engine, golden, golden.adam, tolerances);
  }
}

function largestDeviation(configs: readonly StepConfig[]): Float32Deviation {
  const losses = configs.flatMap(({ sgd, adam, float32_deviation: deviation }) => [
    deviation.sgd_total_after_3_abs / sgd.loss_after_3_steps_train_mode.loss1,
    ...(adam ? [deviation.adam_total_after_3_abs / adam.loss_after_3_steps_train_mode.loss1] : []),
  ]);
  const gradients = configs.map(({ float32_deviation }) => float32_deviation.grad_rel_l2_max);
  return { gradient: Math.max(...gradients), loss: Math.max(...losses) };
}

async function checkMomentum(
  tally: Tally,
  engine: Engine,
  golden: StepConfig,
  epsilon: number,
  { firstStep, laterSteps }: StepTolerances,
): Promise<void> {
  const { momentum, lr, weight_decay } = golden.sgd;
  const run = await startRun(engine, golden, { type: 'momentum', momentum }, weight_decay);
  try {
    tally.begin(`${golden.name}: start`);
    checkStart(tally, golden, run.program);
    tally.begin(`${golden.name}: first step`);
    const losses = await run.train(lr);
    checkLosses(tally, 'before step 1', losses, golden.step0, golden, firstStep);
    await checkFirstStep(tally, golden, run, firstStep, epsilon);
    tally.begin(`${golden.name}: momentum`);
    await checkThreeSteps(tally, golden, golden.sgd, run, () => lr, laterSteps, losses);
  } finally {
    await run.dispose();
  }
}

async function checkAdam(
  tally: Tally,
  engine: Engine,
  golden: StepConfig,
  expected: NonNullable<StepConfig['adam']>,
  { laterSteps }: StepTolerances,
): Promise<void> {
  const { alpha, beta1, beta2, eps, weight_decay } = expected;
  const run = await startRun(engine, golden, { type: 'adam', beta1, beta2, epsilon: eps }, weight_decay);
  const learningRate = (step: number) => (alpha * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
  try {
    tally.begin(`${golden.name}: adam`);
    const losses = await run.train(learningRate(1));
    await checkThreeSteps(tally, golden, expected, run, learningRate, laterSteps, losses);
  } finally {
    await run.dispose();
  }
}

/** Checks the facts known before any step: bits, effective ranges, fixed pairs. */
function checkStart(tally: Tally, golden: StepConfig, program: TrainingProgram): void {
  const { variables } = program;
  const { step0, params, fixed_weight_quantizers, fixed_activation_quantizer } = golden;
  for (const { name, first4 } of params) {
    const variable = variables.find(name);
    if (!variable) continue;
    const start = toStored(variable.start, variable.shape, variable.layout);
    checkNumbers(tally, `start of ${name}`, start, first4 ?? [], () => 0);
  }
  const { bits } = tableSizes(variables.quantizers, variables.table, variables.unquantized);
  checkBits(tally, program, bits, { ...step0.weight_bits, ...step0.activation_bits }, 0);
  variables.quantizers.forEach((quantizer, row) => {
    const { name, kind, role } = quantizer;
    const owner = ownerOf(name);
    const [e0, e1] = effectiveRange(quantizer, variables.table[2 * row]!, variables.table[2 * row + 1]!);
    const effective = step0.effective_quantizers[owner] ?? {};
    const names = coreOf(kind).toLowerCase().endsWith('uniform')
      ? (['d', 'xmax'] as const)
      : (['xmin', 'xmax'] as const);
    names.forEach((parameter, i) => {
      const expected = effective[parameter] ?? Number.NaN;
      tally.near(`effective ${parameter} of ${owner}`, [e0, e1][i], expected, EXACT_ARITHMETIC * Math.abs(expected));
    });
    if (!quantizer.fixed) return;
    const pair = role === 'activation' ? fixed_activation_quantizer : fixed_weight_quantizers?.[owner];
    tally.same(`fixed pair of ${owner}`, quantizer.fixed, pair && [pair.n, pair.delta ?? pair.m]);
  });
}

/** `conv1/quantized_conv/Wquant` → `conv1/quantized_conv/W`, `conv1/Aquant` → `conv1`. */
function ownerOf(quantizer: string): string {
  return quantizer.replace(/(\/A)?quant$/, '');
}

async function checkFirstStep(
  tally: Tally,
  golden: StepConfig,
  run: StepRun,
  tolerances: RunTolerances,
  epsilon: number,
): Promise<void> {
  checkLogits(tally, 'logits', await run.logits(), golden.step0.logits, tolerances);
  const gradients = await run.tensors('gradients');
  for (const [name, { l2, first8 }] of Object.entries(golden.grads)) {
    const tolerance = tolerances.gradient * l2;
    tally.near(`norm of the gradient of ${name}`, norm(gradients.get(name)), l2, tolerance);
    checkNumbers(tally, `gradient of ${name}`, gradients.get(name), first8, () => tolerance);
  }
  const limited = await run.quantizers('limited');
  for (const [name, value] of Object.entries(golden.quantizer_grads_after_decay_and_clipping)) {
    const tolerance = tolerances.gradient * Math.abs(value);
    tally.near(`limited gradient of ${name}`, limited.get(name)?.[0], value, tolerance);
  }
  const { first_bn, all_bn_after_1 } = golden;
  const statistics = (await run.statistics()).get(`${first_bn.scope}/quantized_conv/W`) ?? [];
  const channels = first_bn.batch_mean.length;
  const biased = Array.from(statistics)
    .slice(channels)
    .map((inverse) => 1 / inverse ** 2 - epsilon);
  const spread = first_bn.batch_var_biased.map(Math.sqrt);
  checkNumbers(tally, 'batch mean', statistics, first_bn.batch_mean, (_, i) => tolerances.moments * spread[i]!);
  checkNumbers(tally, 'batch variance', biased, first_bn.batch_var_biased, (value) => tolerances.moments * value);
  const running = await run.running();
  const mean = running.get(`${first_bn.scope}/bn/mean`);
  checkNumbers(tally, 'running mean', mean, first_bn.running_mean_after_1, (_, i) => tolerances.moments * spread[i]!);
  const variance = running.get(`${first_bn.scope}/bn/var`);
  checkNumbers(tally, 'running variance', variance, first_bn.running_var_after_1, (v) => tolerances.moments * v);
  for (const [scope, { running_mean_l2, running_var_l2 }] of Object.entries(all_bn_after_1)) {
    const [mean, variance] = ['mean', 'var'].map((name) => norm(running.get(`${scope}/bn/${name}`)));
    tally.near(`running mean of ${scope}`, mean, running_mean_l2, tolerances.moments * running_var_l2);
    tally.near(`running variance of ${scope}`, variance, running_var_l2, tolerances.moments * running_var_l2);
  }
}

/** Checks from right after the first step. */
async function checkThreeSteps(
  tally: Tally,
  golden: StepConfig,
  expected: AfterThree,
  run: StepRun,
  learningRate: (step: number) => number,
  tolerances: RunTolerances,
  firstLosses: Losses,
): Promise<void> {
  let losses = firstLosses;
  for (const [index, step] of expected.steps.entries()) {
    const number = index + 1;
    if (index > 0) losses = await run.train(learningRate(number));
    checkLosses(tally, `before step ${number}`, losses, step.loss_before, golden, tolerances);
    checkSizes(tally, `after step ${number}`, golden, await run.sizes(), step, tolerances);
    const quantizers = await run.quantizers('values');
    for (const [name, value] of Object.entries(step.quantizer_params_after)) {
      const tolerance = tolerances.quantizers * Math.abs(value);
      tally.near(`${name} after step ${number}`, quantizers.get(name)?.[0], value, tolerance);
    }
  }
  const bits = { ...expected.weight_bits_after, ...expected.activation_bits_after };
  checkBits(tally, run.program, (await run.sizes()).bits, bits, tolerances.bits);
  checkTensors(tally, await run.tensors('values'), expected, tolerances);
  const { scope, batch_var_biased } = golden.first_bn;
  const running = await run.running();
  const spread = batch_var_biased.map(Math.sqrt);
  const means = expected.first_bn_running_mean_after_3_steps;
  checkNumbers(
    tally,
    'running mean',
    running.get(`${scope}/bn/mean`),
    means,
    (_, i) => tolerances.moments * spread[i]!,
  );
  const variances = expected.first_bn_running_var_after_3_steps;
  checkNumbers(tally, 'running variance', running.get(`${scope}/bn/var`), variances, (v) => tolerances.moments * v);
  checkLogits(tally, 'evaluation logits', await run.evaluate(), expected.eval_mode_logits_after_3_steps, tolerances);
  const after = await run.train(0);
  checkLosses(tally, 'after step 3', after, expected.loss_after_3_steps_train_mode, golden, tolerances);
}

function checkTensors(tally: Tally, tensors: NamedTensors, expected: AfterThree, tolerances: RunTolerances): void {
  for (const [name, l2] of Object.entries(expected.param_norms_after_3_steps)) {
    const tensor = tensors.get(name);
    const tolerance = (name.includes('quant/') ? tolerances.quantizers : tolerances.parameters) * l2;
    tally.near(`norm of ${name}`, norm(tensor), l2, tolerance);
    checkNumbers(tally, name, tensor, expected.first8_after_3_steps[name] ?? [], () => tolerance);
  }
}

/** Checks sizes, both penalties, which follow from the sizes, and the sum of all losses. */
function checkLosses(
  tally: Tally,
  when: string,
  actual: Losses,
  expected: Losses,
  { config }: StepConfig,
  { kbytes, loss, penalty }: RunTolerances,
): void {
  const weight = kbytes * expected.weight_kbytes;
  const activation = kbytes * expected.activation_kbytes;
  tally.near(`weight kB ${when}`, actual.weight_kbytes, expected.weight_kbytes, weight);
  tally.near(`activation kB ${when}`, actual.activation_kbytes, expected.activation_kbytes, activation);
  const loss1 = loss * expected.loss1;
  const loss2 = penalty * expected.loss2 + 2 * Math.sqrt(expected.loss2) * weight;
  const loss3 = penalty * expected.loss3 + 2 * Math.sqrt(expected.loss3) * activation;
  const total = loss1 + Number(config.initial_cost_lambda2) * loss2 + Number(config.initial_cost_lambda3) * loss3;
  tally.near(`loss1 ${when}`, actual.loss1, expected.loss1, loss1);
  tally.near(`loss2 ${when}`, actual.loss2, expected.loss2, loss2);
  tally.near(`loss3 ${when}`, actual.loss3, expected.loss3, loss3);
  tally.near(`total ${when}`, actual.total, expected.total, total);
}

function checkSizes(
  tally: Tally,
  when: string,
  { config }: StepConfig,
  sizes: TableSizes,
  expected: { readonly weight_kbytes_after: number; readonly activation_kbytes_after: number },
  { kbytes: tolerance }: RunTolerances,
): void {
  const { weight_kbytes_after: weights, activation_kbytes_after: activations } = expected;
  tally.near(`weight kB ${when}`, sizes.weightKbytes, weights, tolerance * weights);
  const sum = config.target_activation_type === 'sum';
  const kbytes = sum ? sizes.activationSumKbytes : sizes.activationMaxKbytes;
  tally.near(`activation kB ${when}`, kbytes, activations, tolerance * activations);
}

/** Checks bits by tensor; unquantized ones have 32. */
function checkBits(
  tally: Tally,
  { variables }: TrainingProgram,
  bits: readonly number[],
  expected: Readonly<Record<string, number>>,
  tolerance: number,
): void {
  const rows = new Map(variables.quantizers.map(({ name }, row) => [ownerOf(name), row]));
  for (const [name, value] of Object.entries(expected)) {
    const row = rows.get(name);
    tally.near(`bits of ${name}`, row === undefined ? floatBits : bits[row], value, tolerance);
  }
}

function checkLogits(
  tally: Tally,
  what: string,
  actual: ArrayLike<number>,
  expected: readonly (readonly number[])[],
  tolerances: RunTolerances,
): void {
  const flat = expected.flat();
  const tolerance = tolerances.logits * Math.max(...flat.map(Math.abs));
  tally.same(`count of ${what}`, actual.length, flat.length);
  checkNumbers(tally, what, actual, flat, () => tolerance);
}

/** Checks the first numbers of a tensor. */
function checkNumbers(
  tally: Tally,
  what: string,
  actual: ArrayLike<number> | undefined,
  expected: readonly number[],
  tolerance: (value: number, index: number) => number,
): void {
  expected.forEach((value, i) => {
    tally.near(`${what}[${i}]`, actual?.[i], value, tolerance(value, i));
  });
}

function norm(values: ArrayLike<number> | undefined): number | undefined {
  if (!values) return undefined;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! ** 2;
  return Math.sqrt(squares);
}
