/** Names of the storages of a training program, which the host reads and writes between steps. */
export const STORAGE = {
  /** Learned values except those of quantizers. */
  parameters: 'parameters',
  gradients: 'gradients',
  velocity: 'velocity',
  secondMoment: 'secondMoment',
  /** Running means and variances of batch normalisation. */
  running: 'running',
  /** Moving averages, if they are kept. */
  parameterAverage: 'parameterAverage',
  runningAverage: 'runningAverage',
  /** Mean and 1/√(var + ε) of every layer's batch. */
  statistics: 'statistics',
  /** Learned values of quantizers, two a row. */
  quantizers: 'quantizers',
  quantizerSums: 'quantizerSums',
  quantizerVelocity: 'quantizerVelocity',
  quantizerSecondMoment: 'quantizerSecondMoment',
  quantizerGradients: 'quantizerGradients',
  quantizerLimited: 'quantizerLimited',
  /**
   * The largest bits of every quantizer for a guaranteed budget; behind them, if channels may be pruned, the share of
   * every quantizer's elements that is left. One storage, since a GPU kernel has few bindings.
   */
  bitCaps: 'bitCaps',
  penalties: 'penalties',
  loss: 'loss',
  logits: 'logits',
  control: 'control',
  metrics: 'metrics',
  evaluationMetrics: 'evaluationMetrics',
  trainImages: 'trainImages',
  trainLabels: 'trainLabels',
  /** Targets, for losses other than that of one class an input. */
  trainTargets: 'trainTargets',
  trainBatches: 'trainBatches',
  evaluationImages: 'evaluationImages',
  evaluationLabels: 'evaluationLabels',
  evaluationTargets: 'evaluationTargets',
  evaluationBatches: 'evaluationBatches',
  position: 'position',
  batchImages: 'batchImages',
  batchLabels: 'batchLabels',
} as const;

/**
 * The storage of moving averages for each averaged storage. Evaluation uses the averages instead of the values, if they
 * are kept.
 */
export const averageStorages: ReadonlyMap<string, string> = new Map([
  [STORAGE.parameters, STORAGE.parameterAverage],
  [STORAGE.running, STORAGE.runningAverage],
]);
