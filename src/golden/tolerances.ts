/**
 * Tolerances of engines. The golden numbers are float64; the reference engine computes in float64 too and has to agree
 * to rounding, the others compute in float32.
 */

import type { Engine } from '../engine/engine.js';

/** Relative tolerance of numbers that are computed in float64 on every engine. */
export const EXACT_ARITHMETIC = 1e-9;

export interface Tolerances {
  /** Absolute tolerance of a quantizer's value. */
  readonly forward: (value: number) => number;
  /** Tolerance of gradients, relative to the sum of the absolute terms. */
  readonly gradient: number;
}

const float64: Tolerances = {
  forward: (value) => EXACT_ARITHMETIC * Math.abs(value),
  gradient: EXACT_ARITHMETIC,
};

const float32: Tolerances = {
  forward: (value) => (value === 0 ? 0 : 2 ** (Math.floor(Math.log2(Math.abs(value))) - 23)),
  gradient: 1e-5,
};

export function tolerancesOf(engine: Engine): Tolerances {
  return engine.name === 'reference' ? float64 : float32;
}

/** Tolerances of numbers of a training run. */
export interface RunTolerances {
  /** Tolerance of logits, relative to the largest. */
  readonly logits: number;
  /** Tolerance of the cross-entropy, relative. */
  readonly loss: number;
  /** Tolerance of the size penalties where the sizes agree, relative. */
  readonly penalty: number;
  /** Tolerance of gradients, relative to the norm of their tensor. */
  readonly gradient: number;
  /** Tolerance of batch and running moments, relative to variance and standard deviation. */
  readonly moments: number;
  /** Tolerance of the values of quantizers, relative. */
  readonly quantizers: number;
  /** Tolerance of all other learned tensors, relative to their norm. */
  readonly parameters: number;
  /** Tolerance of sizes in kB, relative, and of the bits of a tensor. */
  readonly kbytes: number;
  readonly bits: number;
}

export interface StepTolerances {
  readonly firstStep: RunTolerances;
  readonly laterSteps: RunTolerances;
}

const exactRun: RunTolerances = {
  logits: 1e-8,
  loss: 1e-8,
  penalty: 1e-8,
  gradient: 1e-8,
  moments: 1e-8,
  quantizers: 1e-8,
  parameters: 1e-8,
  kbytes: 0,
  bits: 0,
};

/** Deviations of the files' own program when run in float32: the largest over all configurations, relative. */
export interface Float32Deviation {
  readonly gradient: number;
  /** Deviation of the cross-entropy after three steps. */
  readonly loss: number;
}

/** "A few times the deviation", as the golden files suggest. */
const FACTOR = 4;

/**
 * Tolerances of training steps. In float32 two things happen:
 *
 * - Rounding. Up to the loss of the first step it is all there is.
 * - Decisions that fall the other way: a ReLU or a rounding whose argument is closer to its boundary than float32 can
 *   tell. One of them changes the gradients of its layer and of all before it by about 1 %, and a few steps with
 *   momentum amplify that. Which configuration meets one is chance and differs from engine to engine (that without
 *   quantizers has a ReLU input of 1.0e-6, where the file's own float32 run was lucky), so every configuration gets the
 *   largest deviation of any.
 *
 * | number                     | float64 | float32                                                        |
 * | -------------------------- | ------- | -------------------------------------------------------------- |
 * | first step: losses, logits, moments | 1e-8 | 1e-5, as for single quantizers                           |
 * | first step: gradients      | 1e-8    | 4 × largest deviation of gradients (4 × 0.7 %)                 |
 * | later: losses, logits, quantizers | 1e-8 | 4 × largest deviation of the loss after three steps (4 × 4 %) |
 * | later: tensors, moments    | 1e-8    | as gradients of the first step                                 |
 * | later: bits, kB            | equal   | 1 bit a tensor, 1/32 (one bit of the largest tensor)           |
 */
export function stepTolerances(engine: Engine, deviation: Float32Deviation): StepTolerances {
  if (engine.name === 'reference') return { firstStep: exactRun, laterSteps: exactRun };
  const decision = FACTOR * deviation.gradient;
  const drift = FACTOR * deviation.loss;
  const { gradient: rounding } = float32;
  const firstStep = {
    ...exactRun,
    logits: rounding,
    loss: rounding,
    penalty: rounding,
    moments: rounding,
    gradient: decision,
  };
  const laterSteps = {
    logits: drift,
    loss: drift,
    penalty: rounding,
    gradient: decision,
    moments: decision,
    quantizers: drift,
    parameters: decision,
    kbytes: 1 / 32,
    bits: 1,
  };
  return { firstStep, laterSteps };
}
