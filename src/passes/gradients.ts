/**
 * Reverse-mode differentiation: walks a forward graph backwards and appends nodes for the gradients.
 *
 * If a tensor is read several times, its gradients are added. A convolution adds an existing gradient in its last pass,
 * so that a residual network's backward pass has no additions of its own. A parameter is a place in a storage: all
 * tensors that view it, and all their readers, share one gradient.
 */

import { type AnyNode, type Graph, operandsOf, resultsOf, type Tensors } from '../graph/graph.js';
import { elementCount, type Storage, type Tensor } from '../graph/tensor.js';
import { add } from '../ops/add.js';
import type { GradientRule, Operation } from '../ops/definition.js';
import { definitionOf } from '../ops/index.js';
import { titleOf } from '../ops/shapes.js';

/** Storages of learned values and of their gradients, which have the same offsets. */
export interface GradientPlaces {
  readonly parameters: Storage;
  readonly gradients: Storage;
}

/**
 * Appends the gradients of `loss` to the graph that computes it.
 *
 * @param sums the storage of the quantizers' reductions, [Q, 2]
 * @param known parameters with gradients that they have beside those of the loss
 * @throws {Error} if an operation without a gradient rule is between a parameter and the loss, or if views of
 *   parameters overlap partly.
 */
export function appendGradients(
  graph: Graph,
  loss: Tensor,
  places: GradientPlaces,
  sums: Tensor,
  known: Iterable<readonly [Tensor, Tensor]> = [],
): void {
  const forward = [...graph.nodes];
  const learned = learnedTensors(forward, places.parameters);
  const gradients = new Map<string, Tensor>();
  for (const [tensor, gradient] of [[loss, loss] as const, ...known]) gradients.set(placeOf(tensor), gradient);
  for (const node of forward.reverse()) {
    const upstream = Object.entries<Tensor | null>(node.results).map(
      ([name, tensor]) => [name, (tensor && gradients.get(placeOf(tensor))) ?? null] as const,
    );
    if (upstream.every(([, gradient]) => gradient === null)) continue;
    const { gradient: rule } = definitionOf(node);
    if (rule === 'none') {
      if (operandsOf(node).some((tensor) => learned.has(placeOf(tensor)))) throw noRule(node);
      continue;
    }
    const found = (rule as GradientRule<Operation>)(graph, node, Object.fromEntries(upstream), sums);
    const operands: Tensors = node.operands;
    for (const [name, gradient] of Object.entries(found)) {
      const operand = operands[name];
      if (!gradient || !operand) continue;
      const known = gradients.get(placeOf(operand));
      const isShared = Object.values(found).filter((other) => other === gradient).length > 1;
      const isHeld = isShared || [...gradients.values()].includes(gradient);
      gradients.set(placeOf(operand), known ? sum(graph, known, gradient, isHeld) : gradient);
    }
  }
  deliver(graph, forward, gradients, places);
  addUp(graph, sums);
}

/** A tensor's key in the map of gradients: its place in a storage if it has one, else its id. */
function placeOf({ id, view }: Tensor): string {
  return view ? `${view.storage.name} ${view.offset}` : `${id}`;
}

/** Keys of parameters and of all tensors computed from them. */
function learnedTensors(forward: readonly AnyNode[], parameters: Storage): ReadonlySet<string> {
  const learned = new Set<string>();
  for (const node of forward) {
    const operands = operandsOf(node);
    for (const tensor of operands) if (tensor.view?.storage === parameters) learned.add(placeOf(tensor));
    if (operands.some((tensor) => learned.has(placeOf(tensor)))) {
      for (const tensor of resultsOf(node)) learned.add(placeOf(tensor));
    }
  }
  return learned;
}

function noRule(node: AnyNode): Error {
  return new Error(`${titleOf(node)} stands between parameters and the loss, but ${node.op} has no gradient`);
}

/**
 * The sum of a known gradient and a new one. A node that can add absorbs the known one.
 *
 * @param isHeld true if the new one is another tensor's gradient as well, and must not change
 */
function sum(graph: Graph, known: Tensor, gradient: Tensor, isHeld: boolean): Tensor {
  const last = graph.nodes.findLastIndex((node) => resultsOf(node)[0] === gradient);
  const producer = graph.nodes[last];
  const isRead = graph.nodes.some((node) => operandsOf(node).includes(gradient));
  if (producer && !isHeld && !isRead) {
    const { addend } = definitionOf(producer);
    const operands: Tensors = producer.operands;
    if (addend && !operands[addend]) {
      graph.nodes[last] = { ...producer, operands: { ...operands, [addend]: known } } as AnyNode;
      return gradient;
    }
  }
  return add(graph, known, gradient);
}

/** Adds up the sums of a quantizer that handles several tensors, or one of them several times. */
function addUp(graph: Graph, sums: Tensor): void {
  const byPlace = new Map<string, Tensor[]>();
  for (const tensor of graph.nodes.flatMap(resultsOf)) {
    if (tensor.view?.storage !== sums.view?.storage) continue;
    byPlace.set(placeOf(tensor), [...(byPlace.get(placeOf(tensor)) ?? []), tensor]);
  }
  for (const [first, ...others] of byPlace.values()) {
    if (!first || others.length === 0) continue;
    const { view } = first;
    for (const tensor of [first, ...others]) tensor.view = null;
    others.reduce((sum, tensor) => add(graph, sum, tensor), first).view = view;
  }
}

/** Makes nodes write the gradients of parameters to their places; a gradient with another place is copied. */
function deliver(
  graph: Graph,
  forward: readonly AnyNode[],
  gradients: ReadonlyMap<string, Tensor>,
  places: GradientPlaces,
): void {
  const parameters = new Map<number, Tensor>();
  for (const tensor of forward.flatMap(operandsOf)) {
    if (tensor.view?.storage === places.parameters) parameters.set(tensor.view.offset, tensor);
  }
  let end = 0;
  for (const [offset, parameter] of [...parameters].sort(([a], [b]) => a - b)) {
    if (offset < end) throw new Error(`${parameter.name} overlaps another parameter in part`);
    end = offset + elementCount(parameter.shape);
    const gradient = gradients.get(placeOf(parameter));
    if (!gradient) continue;
    const view = { storage: places.gradients, offset };
    if (gradient.view) {
      graph.append('copy', { x: gradient }, { y: graph.tensor(gradient.name, gradient.shape, view) }, {});
    } else gradient.view = view;
  }
}
