/**
 * The order of a phase's operations on a GPU. Operations with few dependencies are moved together, where they become one
 * dispatch (`together.ts`): the quantizers of all weights before the first layer, their gradients some layers at a time.
 * A teacher's layers alternate with those of the network that learns, so that they run side by side. Gradients that reach
 * only some pixels come after those to which they are added.
 */

import { type AnyNode, type Node, operandsOf, resultsOf } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import { overlap, type Storage, type Tensor } from '../../graph/tensor.js';
import { writtenBy } from '../../ops/writtenBy.js';
import { traitsOf } from './kernelTraits.js';
import { isOfWeights, mostAwaited, mostTogether } from './together.js';

export function schedulePlan(plan: Plan): Plan {
  const phases = Object.entries(plan.phases).map(
    ([phase, nodes]) => [phase, masksTogether(sparseGradientsLast(teacherBeside(weightsFirst(nodes))))] as const,
  );
  return { ...plan, phases: Object.fromEntries(phases) };
}

/** Moves what is done to stored tensors alone to the beginning, operations of one kind together. */
function weightsFirst(nodes: readonly AnyNode[]): AnyNode[] {
  const moved = movable(nodes);
  const ofMoments = [...moved].filter(({ op }) => op === 'runningStatistics');
  const ofWeights = [...moved].filter(({ op }) => op !== 'runningStatistics');
  return [...ofMoments, ...ofWeights, ...nodes.filter((node) => !moved.has(node))];
}

/** Nodes that make transient tensors from stored ones that nothing before them writes, or from what such nodes make. */
function movable(nodes: readonly AnyNode[]): ReadonlySet<AnyNode> {
  const moved = new Set<AnyNode>();
  const made = new Set<Tensor>();
  const written = new Set<Storage>();
  for (const node of nodes) {
    const isReady = operandsOf(node).every((tensor) =>
      tensor.view ? !written.has(tensor.view.storage) : made.has(tensor),
    );
    const results = resultsOf(node);
    if (traitsOf(node.op).comesFirst && isReady && results.every(({ view }) => view === null)) {
      moved.add(node);
      for (const tensor of results) made.add(tensor);
    }
    for (const { view } of writtenBy(node)) if (view) written.add(view.storage);
  }
  return moved;
}

/**
 * Moves each layer of a teacher behind one of the network that learns. Memory is placed for operations that may run side
 * by side if they are neighbours.
 */
function teacherBeside(nodes: readonly AnyNode[]): AnyNode[] {
  const loss = nodes.find((node) => node.op === 'softmaxCrossEntropy');
  if (!loss?.operands.teacher) return [...nodes];
  const teacher = nodesFor(loss.operands.teacher, nodes);
  const waiting = [...teacher];
  const others = nodes.filter((node) => !teacher.includes(node));
  const known = new Set<Tensor>();
  const isReady = (node: AnyNode) => operandsOf(node).every((tensor) => tensor.view || known.has(tensor));
  const ordered: AnyNode[] = [];
  const come = (...next: readonly AnyNode[]) => {
    ordered.push(...next);
    for (const tensor of next.flatMap(resultsOf)) known.add(tensor);
  };
  for (const [index, node] of others.entries()) {
    if (node === loss) come(...waiting.splice(0));
    come(node);
    // Statistics are computed with the product before them.
    const isWhole = others[index + 1]?.op !== 'batchStatistics';
    if (isWhole && waiting[0] && isReady(waiting[0])) come(...waiting.splice(0, 1));
  }
  return ordered;
}

/** The nodes that work on transient tensors for this one alone, in order. */
function nodesFor(tensor: Tensor, nodes: readonly AnyNode[]): AnyNode[] {
  const found: AnyNode[] = [];
  const end = nodes.findIndex((node) => operandsOf(node).includes(tensor));
  for (const node of nodes.slice(0, end).reverse()) {
    const results = resultsOf(node);
    const readers = nodes.filter((other) => operandsOf(other).some((operand) => results.includes(operand)));
    const isForIt =
      results.includes(tensor) || (readers.length > 0 && readers.every((reader) => found.includes(reader)));
    const isTransient = results.every(({ view }) => !view) && operandsOf(node).some(({ view }) => !view);
    if (isForIt && isTransient) found.unshift(node);
  }
  return found;
}

/**
 * Moves gradients of convolutions whose windows skip pixels behind those of the same input that reach all of them, such as
 * a shortcut's of one tap and stride 2. Added in place there, they leave the other pixels as they are. The sum has the
 * same bits, except where the one that comes first is rounded to 16 bits.
 */
function sparseGradientsLast(nodes: readonly AnyNode[]): AnyNode[] {
  const ordered = [...nodes];
  for (const sparse of nodes) {
    if (sparse.op !== 'conv2dInputGradient' || sparse.operands.addend || !skipsPixels(sparse)) continue;
    const { dx } = sparse.results;
    const [whole, ...others] = nodes.filter((node) => operandsOf(node).includes(dx));
    if (dx.view || others.length > 0 || whole?.op !== 'conv2dInputGradient') continue;
    if (whole.operands.addend !== dx || skipsPixels(whole)) continue;
    ordered.splice(ordered.indexOf(sparse), 1);
    const first = { ...whole, operands: { ...whole.operands, addend: null }, results: { dx } };
    const second = { ...sparse, operands: { ...sparse.operands, addend: dx }, results: whole.results };
    ordered.splice(ordered.indexOf(whole), 1, first, second);
  }
  return ordered;
}

/** Tells whether windows of a convolution are smaller than the steps between them. */
function skipsPixels({ operands: { w }, attributes: { rows, columns } }: Node<'conv2dInputGradient'>): boolean {
  const [height, width] = w.shape as readonly [number, number];
  return height < rows.stride || width < columns.stride;
}

/**
 * Delays gradients of weights' quantizers until there are enough for a dispatch, or until something uses one of them. The
 * gradients that they mask are computed in their results' place, among those of the parameters, and need no other memory.
 * Where the phase does not use them itself, others wait for them: fewer come together there, and the last one alone.
 */
function masksTogether(nodes: readonly AnyNode[]): AnyNode[] {
  const masks = nodes.filter((node): node is AnyNode & Mask => isMask(node, nodes));
  const places = new Map(masks.map(({ operands: { dy }, results: { dx } }) => [dy, dx]));
  const areAwaited = !nodes.some(({ op }) => op === 'parameterUpdate');
  const most = areAwaited ? mostAwaited : mostTogether;
  const ordered: AnyNode[] = [];
  let left = masks.length;
  let waiting: (AnyNode & Mask)[] = [];
  const comeNow = () => {
    ordered.push(...waiting);
    waiting = [];
  };
  for (const node of nodes) {
    if (waiting.some((mask) => uses(node, mask))) comeNow();
    if (!isMask(node, nodes)) {
      ordered.push(withResults(node, (tensor) => places.get(tensor) ?? tensor));
      continue;
    }
    waiting.push({ ...node, operands: { ...node.operands, dy: node.results.dx } });
    left--;
    if (waiting.length === most || (areAwaited && left === 1)) comeNow();
  }
  comeNow();
  return ordered;
}

type Mask = Node<'activationGradient'>;

/** Tells whether a node takes the gradient of weights through their quantizer, and is the only one that reads it. */
function isMask(node: AnyNode, nodes: readonly AnyNode[]): node is AnyNode & Mask {
  if (node.op !== 'activationGradient' || !isOfWeights(node)) return false;
  const { dy } = node.operands;
  const count = (tensorsOf: (node: AnyNode) => Tensor[]) => nodes.filter((each) => tensorsOf(each).includes(dy)).length;
  return !dy.view && count(operandsOf) === 1 && count(resultsOf) === 1;
}

/** Tells whether a node uses results of a mask, or writes what the mask reads. */
function uses(node: AnyNode, mask: Mask): boolean {
  const written = writtenBy(node);
  const left = resultsOf(mask);
  const isLeft = [...operandsOf(node), ...written].some((tensor) => left.some((other) => overlap(tensor, other)));
  return isLeft || written.some((tensor) => overlap(tensor, mask.operands.x));
}

function withResults(node: AnyNode, of: (tensor: Tensor) => Tensor): AnyNode {
  const results = Object.entries<Tensor | null>(node.results).map(([name, tensor]) => [name, tensor && of(tensor)]);
  return { ...node, results: Object.fromEntries(results) } as AnyNode;
}
