/** Parts of operations' attributes, and layouts of the small vectors that operations read and write. */

import type { QuantizerCore } from '../quant/index.js';

/**
 * Functions without learned parameters. `hardSigmoid` is clip(x/6 + 1/2, 0, 1), `hardSwish` x·hardSigmoid(x), as in
 * MobileNetV3 (arXiv 1905.02244); `silu` is x·sigmoid(x).
 */
export type ActivationFunction = 'relu' | 'relu6' | 'sigmoid' | 'hardSigmoid' | 'hardSwish' | 'silu';

export type Activation =
  | { readonly type: ActivationFunction }
  | { readonly type: 'quantize'; readonly row: number; readonly core: QuantizerCore; readonly signed: boolean };

/** Quantization of a weight with a step for each channel; always signed. */
export interface ChannelQuantization {
  readonly row: number;
  readonly core: QuantizerCore;
}

/**
 * Positions in the `control` storage (float). Adam's learning rate includes its bias corrections; `averageWeight` is
 * the weight of a step's values in the moving averages; `damping` is λ of `program/damping.ts`, and `negatedDamping` −λ.
 */
export const CONTROL = {
  learningRate: 0,
  lambdaWeight: 1,
  lambdaActivation: 2,
  averageWeight: 3,
  damping: 4,
  negatedDamping: 5,
} as const;
export const CONTROL_LENGTH = 6;

/** Positions in the `penalties` view: penalties without the factor λ, and sizes in kB. */
export const PENALTIES = {
  loss2: 0,
  loss3: 1,
  weightKbytes: 2,
  activationMaxKbytes: 3,
  activationSumKbytes: 4,
  activationPeakKbytes: 5,
} as const;
export const PENALTIES_LENGTH = 6;

/**
 * Positions in the `metrics` storage (float): sums over the steps since the host last cleared it, and the place of the
 * first non-finite number (`badStep`: 1 + number of steps before it, 0 for none; `badLayer`: index into `layers`, or
 * their count for the loss itself).
 */
export const METRICS = { steps: 0, loss1: 1, wrong: 2, loss2: 3, loss3: 4, badStep: 5, badLayer: 6 } as const;
export const METRICS_LENGTH = 8;

export type Solver =
  | {
      readonly type: 'momentum';
      readonly momentum: number;
      /** Nesterov momentum; false by default. */
      readonly nesterov?: boolean;
    }
  | { readonly type: 'adam'; readonly beta1: number; readonly beta2: number; readonly epsilon: number };

export type NoAttributes = Readonly<Record<never, never>>;
