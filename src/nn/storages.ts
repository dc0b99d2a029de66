/** Names of the storages of a training program: what the host writes and reads between steps. */
export const STORAGE = {
  /** Learnable values but those of quantizers. */
  parameters: 'parameters',
  gradients: 'gradients',
  velocity: 'velocity',
  secondMoment: 'secondMoment',
  /** Running means and variances of batch normalisation. */
  running: 'running',
  /** Moving averages, where they are kept. */
  parameterAverage: 'parameterAverage',
  runningAverage: 'runningAverage',
  /** Mean and 1/√(var + ε) of every layer's batch. */
  statistics: 'statistics',
  /** Learnable values of quantizers, two a row. */
  quantizers: 'quantizers',
  quantizerSums: 'quantizerSums',
  quantizerVelocity: 'quantizerVelocity',
  quantizerSecondMoment: 'quantizerSecondMoment',
  quantizerGradients: 'quantizerGradients',
  quantizerLimited: 'quantizerLimited',
  /**
   * The largest bits of every quantizer, where a budget is guaranteed; behind them, where channels may be pruned, the part
   * of every quantizer's elements that is left: one storage, since a GPU's kernel has few bindings.
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
  /** What outputs are held against, where it is more than a class an input. */
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

/** The storage of the moving averages of a storage's values. Averages, where there are any, stand in for the values in evaluation. */
export const averageStorages: ReadonlyMap<string, string> = new Map([
  [STORAGE.parameters, STORAGE.parameterAverage],
  [STORAGE.running, STORAGE.runningAverage],
]);
