/** Writes a made-up run folder for the plots' tests: curves that look like training, without training. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Selection } from '../../src/selection.js';

export interface ExampleRun {
  readonly name: string;
  readonly epochs: number;
  /** Number of convolutions of the network. */
  readonly layers: number;
  readonly quantized: boolean;
  readonly targetWeightKbytes?: number;
  readonly targetActivationKbytes?: number;
  /** Error of the evaluation at the end, a fraction. */
  readonly finalError?: number;
  /** Cross-entropy on top at the start, as after a bad start. */
  readonly badStart?: number;
  /** Budget penalty in the training loss at the start. */
  readonly penalty?: number;
  readonly select?: Selection;
  /** Entries of config.json and summary.json that differ. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly summary?: Readonly<Record<string, unknown>>;
  /** Without a summary, like a run that has not finished. */
  readonly unfinished?: boolean;
  /** No epoch obeyed the budget. */
  readonly overBudget?: boolean;
}

export const resnet20Run: ExampleRun = {
  name: 'PARAMETRIC_FP_WAQ_DELTA_XMAX_CON_WAMQ',
  epochs: 160,
  layers: 19,
  quantized: true,
  targetWeightKbytes: 70,
  targetActivationKbytes: 8,
};

/** Creates `parent/NAME` and returns its path. */
export function writeExampleRun(parent: string, run: ExampleRun): string {
  const folder = join(parent, run.name);
  mkdirSync(folder, { recursive: true });
  const suffix = run.quantized ? '_q' : '';
  const write = (file: string, lines: readonly string[]) => writeFileSync(join(folder, file), `${lines.join('\n')}\n`);
  const epochs = Array.from({ length: run.epochs }, (_, i) => i + 1);
  const wobble = (i: number, k: number) => Math.sin(12.9898 * i + 78.233 * k) * Math.cos(4.1 * i + k);
  const rate = (epoch: number) => (epoch > 0.75 * run.epochs ? 0.08 : epoch > 0.5 * run.epochs ? 0.2 : 1);
  const decay = (epoch: number) => Math.exp((-4 * epoch) / Math.max(run.epochs, 40)) * 0.75 + 0.25 * rate(epoch);
  const finalError = run.finalError ?? 0.0858;

  const badStart = (e: number) => (run.badStart ?? 0) * Math.exp(-e / 4);
  const crossEntropy = (e: number) => 1.7 * decay(e) * (1 + 0.02 * wobble(e, 1)) + badStart(e);
  const penalty = (e: number) => (run.penalty ?? 0) * Math.exp(-e / 4);
  const trainLoss = (e: number) => crossEntropy(e) + penalty(e);
  const testLoss = (e: number) => 0.28 + 1.5 * decay(e) * (1 + 0.09 * wobble(e, 2)) + badStart(e);
  const trainAccuracy = (e: number) => 0.995 - 0.5 * decay(e);
  const testAccuracy = (e: number) => 1 - finalError + 0.02 - 0.55 * decay(e) * (1 + 0.12 * wobble(e, 3));
  const best = epochs.reduce((found, e) => (testAccuracy(e) > testAccuracy(found) ? e : found), 1);

  write(`train_losses${suffix}.csv`, ['epoch,loss', ...epochs.map((e) => `${e},${trainLoss(e)}`)]);
  write(`test_losses${suffix}.csv`, ['epoch,loss', ...epochs.map((e) => `${e},${testLoss(e)}`)]);
  write(`train_accs${suffix}.csv`, ['epoch,accuracy', ...epochs.map((e) => `${e},${trainAccuracy(e)}`)]);
  write(`test_accs${suffix}.csv`, ['epoch,accuracy', ...epochs.map((e) => `${e},${testAccuracy(e)}`)]);

  const tested = run.select === 'validation' ? ',test_err' : '';
  const results = epochs.map((e) =>
    [
      e,
      1 - trainAccuracy(e),
      1 - testAccuracy(e),
      trainLoss(e),
      crossEntropy(e),
      penalty(e),
      0,
      ...(tested ? [0.1] : []),
    ].join(','),
  );
  write('results.csv', [`iter,train_err,val_err,loss,loss1,loss2,loss3${tested}`, ...results]);

  const weightBits = (layer: number, e: number) => Math.round(2 + 1.6 * (1 + wobble(layer, 5)) + 3 * Math.exp(-e / 30));
  const activationBits = (layer: number, e: number) => Math.round(3 + wobble(layer, 9) + 3 * Math.exp(-e / 25));
  if (run.quantized) {
    const rows = epochs.flatMap((e) => [
      ...layerNames(run.layers).flatMap((layer, i) => {
        const weight = `${e},${layer}/quantized_conv/W,weight,parametric_fp_d_xmax,${weightBits(i, e)},0.125,,1.875`;
        return [weight, `${e},${layer}/Aquant,activation,parametric_fp_d_xmax_relu,${activationBits(i, e)},0.25,,3.75`];
      }),
      `${e},fc/quantized_affine/W,weight,parametric_fp_d_xmax,${weightBits(run.layers, e)},0.0625,,0.9375`,
      `${e},fc/quantized_affine/b,bias,parametric_fp_d_xmax,${weightBits(run.layers + 1, e)},0.0625,,0.4375`,
    ]);
    write('quantizers.csv', ['epoch,tensor,role,kind,bits,d,xmin,xmax', ...rows]);
  } else {
    write('quantizers.csv', ['epoch,tensor,role,kind,bits,d,xmin,xmax']);
  }
  const sizes = epochs.map((e) => {
    if (!run.quantized) return `${e},1048.2265625,64,736`;
    const above = Math.exp(-e / 20);
    return `${e},${69.4 + 160 * above},${7.9 + 8 * above},${83 + 95 * above}`;
  });
  write('sizes.csv', ['epoch,weights_kb,activations_max_kb,activations_sum_kb', ...sizes]);
  const settings = {
    w_quantize: run.quantized ? 'parametric_fp_d_xmax' : null,
    a_quantize: run.quantized ? 'parametric_fp_d_xmax_relu' : null,
    target_weight_kbytes: run.targetWeightKbytes ?? -1,
    target_activation_kbytes: run.targetActivationKbytes ?? -1,
    target_activation_type: 'max',
    select: run.select ?? 'test',
  };
  const config = {
    experiment: run.name,
    cfg: 'example.cfg',
    settings,
    versions: {},
    device: 'cpu',
    seed: 313,
    ...run.config,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  if (run.unfinished) return folder;
  const summary = {
    best_val_err: run.overBudget ? null : 1 - testAccuracy(best),
    best_epoch: run.overBudget ? null : best,
    last_val_err: 1 - testAccuracy(run.epochs),
    weights_kb: 69.4,
    activations_max_kb: 7.9,
    activations_sum_kb: 83,
    bits: {},
    images_per_second: 1000,
    seconds: 60,
    epochs: run.epochs,
    device: 'cpu',
    select: run.select ?? 'test',
    ...run.summary,
  };
  writeFileSync(join(folder, 'summary.json'), JSON.stringify(summary));
  return folder;
}

function layerNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    if (i === 0) return 'conv1';
    const perStage = Math.ceil((count - 1) / 3);
    const stage = Math.floor((i - 1) / perStage) + 1;
    const inStage = (i - 1) % perStage;
    return `res${stage}/layer${Math.floor(inStage / 2) + 1}/basicblock${(inStage % 2) + 1}`;
  });
}
