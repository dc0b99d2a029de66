/**
 * Activations that share a quantizer. A device adds or concatenates integers of one step, so the quantized operands of
 * a sum or a concatenation share a quantizer, signed if any of them can be negative. Their gradients add up. An operand
 * is traced back to the quantizer that made it, through operations that keep values, such as a maximum; so operands of
 * several sums may share one, too.
 *
 * Computed from the graph without sharing, where each activation has a quantizer of its own.
 */

import { InputError } from '../errors.js';
import { type Graph, operandsOf, resultsOf, type Tensor } from '../graph/index.js';
import { activationOf, definitionOf } from '../ops/index.js';
import {
  type ActivationSettings,
  exceptionOf,
  type QuantizerSettings,
  settingsOfSource,
  withSign,
} from './quantizerSettings.js';
import type { NetworkTensor, SharedQuantizer, Variables } from './variables.js';

/**
 * The quantizers shared by activations of a network, in its order.
 *
 * @param graph the network before fusion
 * @throws InputError if rules give tensors of one shared quantizer different settings
 */
export function sharedQuantizers(
  graph: Graph,
  { tensors }: Pick<Variables, 'tensors'>,
  settings: ActivationSettings,
): SharedQuantizer[] {
  const settingsOf = ({ name, source }: NetworkTensor) =>
    exceptionOf(settings, name) ?? settingsOfSource(settings, source!);
  const sharing = tensors.filter((tensor) => tensor.role === 'activation' && settingsOf(tensor)?.shared);
  return groupsOfRows(graph).flatMap((rows): SharedQuantizer[] => {
    const group = sharing.filter(({ row }) => row !== null && rows.has(row));
    if (group.length < 2) return [];
    const signed = group.some(({ source }) => source !== 'rectified');
    checkSame(group, (tensor) => (signed ? withSign(settingsOf(tensor)!) : settingsOf(tensor)!));
    return [{ tensors: group.map(({ name }) => name), signed }];
  });
}

/** Rows of quantizers whose values an operation needs in one step, grouped. */
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
    const activation = activationOf(node);
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
