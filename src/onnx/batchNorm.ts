/** Batch normalisations behind convolutions and linear layers, and alone. */

import { batchNormEpsilon } from '../nn/index.js';
import type { Importer } from './importNetwork.js';
import { moduleOfNode, moduleOfParameter } from './moduleNames.js';
import type { NodeContext } from './nodeContext.js';
import type { Constant } from './onnxGraph.js';
import { type BatchNorm, type Known, newPending, waiting } from './outputs.js';

/**
 * Keeps the four tensors of a batch normalisation. The layer's bias is subtracted from the mean. Without a batch
 * normalisation, one that has no effect except the bias is made.
 */
export function keepBatchNorm(
  importer: Importer,
  name: string,
  channels: number,
  norm: BatchNorm | null,
  bias: Constant | null,
): void {
  const of = (values: (channel: number) => number) => Array.from({ length: channels }, (_, channel) => values(channel));
  const shift = (channel: number) => bias?.values[channel] ?? 0;
  const [gamma, beta, mean, variance] = norm
    ? [
        // Where variance + ε is below our ε, which no variance makes good, γ takes the rest.
        of((c) => norm.gamma.values[c]! * Math.sqrt(Math.max(1, batchNormEpsilon / spreadOf(norm, c)))),
        of((c) => norm.beta.values[c]!),
        of((c) => norm.mean.values[c]! - shift(c)),
        of((c) => Math.max(0, spreadOf(norm, c) - batchNormEpsilon)),
      ]
    : [of(() => Math.sqrt(1 + batchNormEpsilon)), of(shift), of(() => 0), of(() => 1)];
  importer.keep(`${name}.weight`, [channels], gamma);
  importer.keep(`${name}.bias`, [channels], beta);
  importer.keep(`${name}.running_mean`, [channels], mean);
  importer.keep(`${name}.running_var`, [channels], variance);
}

/** The sum of a channel's variance and ε, by whose root it is divided. */
function spreadOf({ variance, epsilon }: BatchNorm, channel: number): number {
  return variance.values[channel]! + epsilon;
}

/** Batch normalisation, absorbed by the pending layer or alone. */
export function batchNormalization(context: NodeContext): Known {
  const x = context.output();
  const batchNorm = parametersOf(context, x.shape[1]!);
  const pending = context.pending();
  if (pending && pending.layer !== 'other' && !pending.batchNorm && pending.activation === 'none') {
    pending.batchNorm = batchNorm;
    return x;
  }
  const { importer, n } = context;
  const name = importer.free(batchNorm.name ?? 'batchNorm');
  return waiting(x.shape, newPending('other'), ({ activation }) => {
    const y = n.batchNorm(x.value(), { name, activation });
    keepBatchNorm(importer, name, x.shape[1]!, batchNorm, null);
    return y;
  });
}

function parametersOf(context: NodeContext, channels: number): BatchNorm {
  // Up to operator set 13 further results say that it is as in training.
  const isTraining = context.number('training_mode', 0) === 1 || context.node.outputs.slice(1).some(Boolean);
  if (isTraining) throw context.fault('as in training; export it after model.eval()');
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((index) => context.needed(index));
  for (const values of [gamma!, beta!, mean!, variance!]) {
    if (values.values.length !== channels)
      throw context.fault(`${values.values.length} values for ${channels} channels`);
  }
  return {
    ...{ gamma: gamma!, beta: beta!, mean: mean!, variance: variance! },
    name: moduleOfParameter(context.node.inputs[1]!) ?? moduleOfNode(context.node.name),
    epsilon: context.number('epsilon', 1e-5),
  };
}
