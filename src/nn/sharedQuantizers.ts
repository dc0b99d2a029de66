/**
 * Which activations share a quantizer. A device adds integers, and puts them side by side, in one step: the quantized
 * operands of a sum, or of a concat, have one quantizer, with a sign where any of them has values below zero. Their
 * gradients add up. An operand is what its quantizer made, also behind operations that keep values, such as a maximum; so
 * what is put together in several places shares one, too.
 *
 * Found in the graph as it is without any, in which each activation has its own.
 */

import { InputError } from '../errors.js';
import { type Graph, operandsOf, resultsOf, type Tensor } from '../graph/index.js';
import { definitionOf } from '../ops/index.js';
import { type ActivationSettings, type QuantizerSettings, settingsOfSource, withSign } from './quantizerSettings.js';
import type { NetworkTensor, SharedQuantizer, Variables } from './variables.js';

/**
 * The quantizers that activations of a network share, in its order.
 *
 * @param graph the network before fusion
 * @throws InputError where rules give those of one quantizer settings that differ
 */
export function sharedQuantizers(
  graph: Graph,
  { tensors }: Pick<Variables, 'tensors'>,
  settings: ActivationSettings,
): SharedQuantizer[] {
  const settingsOf = ({ name, source }: NetworkTensor) =>
    settings.exceptions?.[name] ?? settingsOfSource(settings, source!);
  const sharing = tensors.filter((tensor) => tensor.role === 'activation' && settingsOf(tensor)?.shared);
  return groupsOfRows(graph).flatMap((rows): SharedQuantizer[] => {
    const group = sharing.filter(({ row }) => row !== null && rows.has(row));
    if (group.length < 2) return [];
    const signed = group.some(({ source }) => source !== 'rectified');
    checkSame(group, (tensor) => (signed ? withSign(settingsOf(tensor)!) : settingsOf(tensor)!));
    return [{ tensors: group.map(({ name }) => name), signed }];
  });
}

/** Rows of quantizers whose values operations want in one step, together. */
function groupsOfRows(graph: Graph): ReadonlySet<number>[] {
  let groups: Set<number>[] = [];
  const rowsOf = new Map<Tensor, ReadonlySet<number>>();
  for (const node of graph.nodes) {
    const { values, oneStep } = definitionOf(node);
    const operands = operandsOf(node).map((operand) => rowsOf.get(operand) ?? new Set<number>());
    const together = new Set(operands.flatMap((rows) => [...rows]));
    if (oneStep && operands.every((rows) => rows.size > 0)) {
      const touched = groups.filter((group) => [...group].some((row) => together.has(row)));
      const others = groups.filter((group) => !touched.includes(group));
      groups = [...others, new Set([...touched, together].flatMap((rows) => [...rows]))];
    }
    const activation = typeof values === 'function' ? values(node.attributes) : null;
    const [result] = resultsOf(node);
    if (activation?.type === 'quantize') rowsOf.set(result!, new Set([activation.row]));
    else if (values === 'kept' || values === 'joined') rowsOf.set(result!, together);
  }
  return groups;
}

function checkSame(tensors: readonly NetworkTensor[], settingsOf: (tensor: NetworkTensor) => QuantizerSettings): void {
  const [first, ...others] = tensors as [NetworkTensor, ...NetworkTensor[]];
  const text = (tensor: NetworkTensor) => JSON.stringify(settingsOf(tensor));
  const other = others.find((tensor) => text(tensor) !== text(first));
  if (!other) return;
  throw new InputError(
    `layers: ${first.name} and ${other.name} are put together and share a quantizer, so rules have to say the same of ` +
      'both; or give one of them a_shared = false',
  );
}
