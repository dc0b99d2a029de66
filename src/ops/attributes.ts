/**
 * Every operation an engine must know, with its static attributes. Operands and results, in this order (shapes NHWC,
 * `[]` marks an optional operand, `→ view` a result that lives in a storage):
 *
 * | operation | operands | results |
 * |---|---|---|
 * | gatherBatch | images u8 [N,H,W,C], labels i32 [N], batchTable i32 [steps,B,2], position i32 [1] | x [B,H,W,C], y i32 [B] |
 * | prepareQuantizers | table [Q,2] | ranges [Q,2] |
 * | activation | x, [ranges] | y |
 * | activationGradient | x, [ranges], dy | dx, [sums → view [2]] |
 * | quantizeChannels | x [..., C], ranges, exponents [C] | y |
 * | quantizeChannelsGradient | x, ranges, exponents, dy | dx, dexponents [C], sums → view [2] |
 * | conv2d | x [B,H,W,I], w [kh,kw,I,O] | y [B,H',W',O], [moments [2,O]: mean and biased variance of y] |
 * | conv2dInputGradient | dy, w, [addend] | dx (+ addend) |
 * | conv2dWeightGradient | x, dy | dw |
 * | depthwiseConv2d | x [B,H,W,C], w [kh,kw,C] | y [B,H',W',C], [moments [2,C]] |
 * | depthwiseConv2dInputGradient | dy, w, [addend] | dx (+ addend) |
 * | depthwiseConv2dWeightGradient | x, dy | dw |
 * | batchStatistics | moments [2,C], runningMean [C], runningVariance [C] (both updated in place) | statistics [2,C]: mean, 1/√(var+ε) |
 * | runningStatistics | runningMean, runningVariance | statistics [2,C] |
 * | batchNorm | x, statistics, gamma, beta, [shortcut], [ranges] | y = act(γ·(x−mean)·invstd + β + shortcut) |
 * | batchNormGradientReduce | x, statistics, gamma, beta, [shortcut], [ranges], dy | dz, dgamma, dbeta, [sums → view [2]] |
 * | batchNormGradientApply | dz, x, statistics, gamma, dgamma, dbeta | dx |
 * | add | a, b | a + b |
 * | subsample | x [B,H,W,C] | y [B,⌈H/s⌉,⌈W/s⌉,C+p]: every s-th pixel, p zero channels appended |
 * | subsampleGradient | dy | dx |
 * | globalAveragePool | x [B,H,W,C] | y [B,C] |
 * | globalAveragePoolGradient | dy [B,C] | dx [B,H,W,C] |
 * | maxPool | x | y, [argmax u8: where in its window the first maximum lies, row · size + column; padding never wins] |
 * | maxPoolGradient | argmax, dy | dx |
 * | linear | x [B,I], w [I,O], b [O] | y [B,O] |
 * | linearInputGradient | dy, w | dx |
 * | linearWeightGradient | x, dy | dw, db |
 * | scale | x, factor [1] | y |
 * | scaleGradient | x, factor, dy | dx, dfactor [1] |
 * | softmaxCrossEntropy | logits [B,K], labels i32 [B] | loss → view [2]: Σ loss / B, number of wrong predictions (label −1 counts nowhere; the first of equal logits is the prediction) |
 * | softmaxCrossEntropyGradient | logits, labels | dlogits (of Σ loss / B) |
 * | parameterUpdate | parameters, gradients, velocity, [secondMoment], control | (the first, third and fourth in place) |
 * | movingAverage | values, average, control | (the second in place: average + weight·(values − average)) |
 * | quantizerUpdate | table [Q,2], sums [Q,2], velocity, [secondMoment], control, [bitCaps [Q]] | gradients [Q,2] (of the whole loss), limited [Q,2] (after decay and limiting), penalties → view [6] |
 * | recordMetrics | loss [2], penalties [6], statistics of all layers | metrics → view [8], in place (see METRICS) |
 *
 * `control` holds what changes from step to step (see CONTROL). `ranges` are the effective ranges of all quantizers; an
 * activation names its row. `sums` are the two reductions of quantizer gradients (see `quant/`). `bitCaps` are the
 * largest bits that an update may leave a quantizer with, row by row. `exponents` are those of a weight's channels, its
 * last axis (see `quant/channelExponents.ts`).
 */

import type { Budget, Quantizer, QuantizerCore, Unquantized } from '../quant/index.js';

export type Activation =
  | { readonly type: 'relu' }
  | { readonly type: 'relu6' }
  | { readonly type: 'quantize'; readonly row: number; readonly core: QuantizerCore; readonly signed: boolean };

/** Signed: of weights alone. */
export interface ChannelQuantization {
  readonly row: number;
  readonly core: QuantizerCore;
}

export interface Window {
  readonly stride: number;
  readonly padding: number;
}

/**
 * Positions in the `control` storage (float). The learning rate of Adam carries its bias corrections; `averageWeight` is
 * the weight of a step's values in the moving averages.
 */
export const CONTROL = {
  learningRate: 0,
  lambdaWeight: 1,
  lambdaActivation: 2,
  averageWeight: 3,
} as const;
export const CONTROL_LENGTH = 4;

/** Positions in the `penalties` view: λ-free losses and sizes in kB. */
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
 * Positions in the `metrics` storage (float): sums over the steps since the host last cleared it, and where numbers
 * stopped being finite (`badStep`: 1 + steps before it, 0 for never; `badLayer`: index into `layers`, or their count
 * for the loss itself).
 */
export const METRICS = { steps: 0, loss1: 1, wrong: 2, loss2: 3, loss3: 4, badStep: 5, badLayer: 6 } as const;
export const METRICS_LENGTH = 8;

export type Solver =
  | {
      readonly type: 'momentum';
      readonly momentum: number;
      /** Nesterov's momentum: the step looks one velocity ahead. Off by default. */
      readonly nesterov?: boolean;
    }
  | { readonly type: 'adam'; readonly beta1: number; readonly beta2: number; readonly epsilon: number };

/** ε of Szegedy et al. 2016: targets are (1 − ε)·[k = label] + ε/K; 0 by default. */
interface LabelSmoothing {
  readonly smoothing?: number;
}

type None = Readonly<Record<never, never>>;

export interface Attributes {
  /** Byte b of channel c becomes b·scale[c] + offset[c]; augmentation as `data/` packs it; zero outside the image. */
  gatherBatch: { readonly scale: readonly number[]; readonly offset: readonly number[] };
  prepareQuantizers: { readonly rows: readonly Quantizer[] };
  activation: { readonly activation: Activation };
  activationGradient: { readonly activation: Activation };
  quantizeChannels: ChannelQuantization;
  quantizeChannelsGradient: ChannelQuantization;
  conv2d: Window;
  conv2dInputGradient: Window;
  conv2dWeightGradient: Window;
  depthwiseConv2d: Window;
  depthwiseConv2dInputGradient: Window;
  depthwiseConv2dWeightGradient: Window;
  /**
   * `count`: elements a channel; `decay`: weight of the old running value; the running variance takes the unbiased one
   * (the biased one of a single element).
   */
  batchStatistics: { readonly count: number; readonly epsilon: number; readonly decay: number };
  runningStatistics: { readonly epsilon: number };
  batchNorm: { readonly activation: Activation | null };
  batchNormGradientReduce: { readonly activation: Activation | null };
  batchNormGradientApply: None;
  add: None;
  subsample: { readonly stride: number; readonly extraChannels: number };
  subsampleGradient: { readonly stride: number; readonly extraChannels: number };
  globalAveragePool: None;
  globalAveragePoolGradient: None;
  maxPool: Window & { readonly size: number };
  maxPoolGradient: Window & { readonly size: number };
  linear: None;
  linearInputGradient: None;
  linearWeightGradient: None;
  scale: None;
  scaleGradient: None;
  softmaxCrossEntropy: LabelSmoothing;
  softmaxCrossEntropyGradient: LabelSmoothing;
  parameterUpdate: {
    readonly solver: Solver;
    readonly weightDecay: number;
    /** Learning rate relative to that of `control`; 1 by default. */
    readonly learningRateFactor?: number;
  };
  movingAverage: None;
  quantizerUpdate: {
    readonly rows: readonly Quantizer[];
    readonly unquantized: Unquantized;
    readonly budget: Budget;
    readonly solver: Solver;
    readonly weightDecay: number;
    /** Learning rate relative to that of the parameters; 1 by default. */
    readonly learningRateFactor?: number;
  };
  recordMetrics: {
    readonly layers: readonly { readonly name: string; readonly offset: number; readonly length: number }[];
  };
}

export type OpName = keyof Attributes;
