/**
 * Batch normalisations of shortcuts, which only another normalisation adds to its own result: those behind the 1×1
 * convolutions of residual networks. One kernel computes both, and so do both halves of their gradients: the normalised
 * shortcut needs no memory and no traffic, and the gradient that both share is read once.
 */

import { type AnyNode, type Node, operandsOf, type Tensors } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';

/** Nodes of shortcuts by those that compute them. */
export interface ShortcutNorms {
  readonly norms: ReadonlyMap<AnyNode, Node<'batchNorm'>>;
  readonly reductions: ReadonlyMap<AnyNode, Node<'batchNormGradientReduce'>>;
  readonly applications: ReadonlyMap<AnyNode, Node<'batchNormGradientApply'>>;
}

/** The normalisations of shortcuts of a phase, each right before the one that adds it; their gradients come right behind. */
export function shortcutNorms(nodes: readonly AnyNode[]): ShortcutNorms {
  const norms = new Map<AnyNode, Node<'batchNorm'>>();
  const reductions = new Map<AnyNode, Node<'batchNormGradientReduce'>>();
  const applications = new Map<AnyNode, Node<'batchNormGradientApply'>>();
  const readersOf = (tensor: Tensor) => nodes.filter((node) => operandsOf(node).includes(tensor));
  for (const [index, norm] of nodes.entries()) {
    const whole = nodes[index + 1];
    if (norm.op !== 'batchNorm' || whole?.op !== 'batchNorm' || norm.attributes.activation) continue;
    const { y } = norm.results;
    if (y.view || norm.operands.shortcut || whole.operands.shortcut !== y || whole.operands.x === y) continue;
    if (!shareStorages(norm, whole, ['gamma', 'beta'])) continue;
    const [reduce, ...others] = readersOf(y).filter((node) => node !== whole);
    if (others.length > 0) continue;
    if (reduce) {
      const [first, second, third] = nodes.slice(nodes.indexOf(reduce) + 1);
      if (reduce.op !== 'batchNormGradientReduce' || second?.op !== 'batchNormGradientReduce') continue;
      if (first?.op !== 'batchNormGradientApply' || third?.op !== 'batchNormGradientApply') continue;
      if (reduce.operands.x !== whole.operands.x || reduce.operands.shortcut !== y) continue;
      const [{ dz }, { dz: masked }] = [reduce.results, second.results];
      if (first.operands.dz !== dz || second.operands.dy !== dz || third.operands.dz !== masked) continue;
      if (second.operands.x !== norm.operands.x || readersOf(masked).length > 1) continue;
      if (!shareStorages(reduce, second, ['statistics'])) continue;
      reductions.set(reduce, second);
      applications.set(first, third);
    }
    norms.set(whole, norm);
  }
  return { norms, reductions, applications };
}

/** Tells whether operands of both are in the same storages, so that one kernel need not bind more buffers. */
function shareStorages(a: AnyNode, b: AnyNode, names: readonly string[]): boolean {
  const storages = [a, b].map(({ operands }) => names.map((name) => (operands as Tensors)[name]?.view?.storage));
  return names.every((_, i) => storages[0]![i] !== undefined && storages[0]![i] === storages[1]![i]);
}

/** The nodes that others compute. */
export function absorbedBy({ norms, reductions, applications }: ShortcutNorms): AnyNode[] {
  return [...norms.values(), ...reductions.values(), ...applications.values()];
}

/** The nodes of a phase with the operands and results for which their kernels need memory. */
export function withShortcutNorms(nodes: readonly AnyNode[]): AnyNode[] {
  const found = shortcutNorms(nodes);
  const absorbed = new Set(absorbedBy(found));
  return nodes.flatMap((node): AnyNode[] => {
    if (absorbed.has(node)) return [];
    const norm = found.norms.get(node) ?? found.reductions.get(node);
    if (norm) return [withTensorsOf(norm, ['x', 'y', 'dy', 'dz'], node, { shortcut: norm.operands.x })];
    const application = found.applications.get(node);
    return application ? [withTensorsOf(application, ['dz'], node)] : [node];
  });
}

/** A node with the tensors of a shortcut's node too, by names of their own, but for some. */
function withTensorsOf(shortcut: AnyNode, without: readonly string[], node: AnyNode, replaced: Tensors = {}): AnyNode {
  const renamed = (tensors: Tensors) =>
    Object.entries(tensors).flatMap(([name, tensor]) =>
      without.includes(name) ? [] : [[`shortcut's ${name}`, tensor]],
    );
  const operands = { ...node.operands, ...replaced, ...Object.fromEntries(renamed(shortcut.operands)) };
  const results = { ...node.results, ...Object.fromEntries(renamed(shortcut.results)) };
  return { ...node, operands, results } as unknown as AnyNode;
}
