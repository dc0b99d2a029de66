/** A network with another number of outputs, for other classes. */

import { type NetworkDefinition, readsOf } from './layer.js';

/**
 * The network with `outputs` outputs; null unless a fully connected layer computes its output and nothing else reads
 * that.
 */
export function withOutputs(definition: NetworkDefinition, outputs: number): NetworkDefinition | null {
  const { layers, output } = definition;
  const head = layers.find(({ name }) => name === output);
  const isRead = layers.some((layer) => readsOf(layer).includes(output));
  if (head?.kind !== 'linear' || isRead) return null;
  return { ...definition, layers: layers.map((layer) => (layer === head ? { ...head, outputs } : layer)), outputs };
}
