/** Another head: the network with as many outputs as there are classes. */

import { type NetworkDefinition, readsOf } from './layer.js';

/** Null where no fully connected layer, which nothing else reads, computes the outputs. */
export function withOutputs(definition: NetworkDefinition, outputs: number): NetworkDefinition | null {
  const { layers, output } = definition;
  const head = layers.find(({ name }) => name === output);
  const isRead = layers.some((layer) => readsOf(layer).includes(output));
  if (head?.kind !== 'linear' || isRead) return null;
  return { ...definition, layers: layers.map((layer) => (layer === head ? { ...head, outputs } : layer)), outputs };
}
