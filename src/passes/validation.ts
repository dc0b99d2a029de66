/**
 * Checks a graph before it becomes a plan: each node against its operation's definition (operands present, types,
 * shapes by the rule, attributes in range), tensors within their storages, operands written before they are read, no
 * place written twice.
 */

import { InputError } from '../errors.js';
import { type AnyNode, type Graph, operandsOf, resultsOf } from '../graph/graph.js';
import { elementCount, overlap, type Tensor } from '../graph/tensor.js';
import { definitionOf } from '../ops/index.js';
import { sizesOf, titleOf } from '../ops/shapes.js';

/**
 * Checks a graph.
 *
 * @throws {InputError} with the first faulty node, its operand, and what would be right.
 */
export function validate(graph: Graph): void {
  const written = new Set<Tensor>();
  const stored: Tensor[] = [];
  for (const node of graph.nodes) {
    if (!definitionOf(node)) throw new InputError(`there is no operation ${node.op}`);
    sizesOf(definitionOf(node), node);
    for (const tensor of operandsOf(node)) {
      if (!tensor.view && !written.has(tensor)) {
        throw fault(node, tensor, 'is read before any node writes it; right would be a node before this one');
      }
      checkView(node, tensor);
    }
    for (const tensor of resultsOf(node)) {
      checkView(node, tensor);
      const rival = stored.find((other) => overlap(other, tensor));
      if (rival) throw fault(node, tensor, `is written over ${rival.name}; right would be a place of its own`);
      if (tensor.view) stored.push(tensor);
      else written.add(tensor);
    }
  }
}

function checkView(node: AnyNode, tensor: Tensor): void {
  if (!tensor.view) return;
  const { storage, offset } = tensor.view;
  const end = offset + elementCount(tensor.shape);
  if (tensor.dtype !== storage.dtype) {
    throw fault(node, tensor, `is ${tensor.dtype} in the storage ${storage.name}, right would be ${storage.dtype}`);
  }
  if (!(Number.isInteger(offset) && offset >= 0 && end <= storage.length)) {
    const right = `right would be within 0 … ${storage.length}`;
    throw fault(node, tensor, `takes ${offset} … ${end} of the storage ${storage.name}, ${right}`);
  }
}

/** The error of a tensor of a node, by its name there and its own. */
function fault(node: AnyNode, tensor: Tensor, what: string): InputError {
  const [name] = Object.entries({ ...node.operands, ...node.results }).find(([, other]) => other === tensor)!;
  return new InputError(`${titleOf(node)}: ${name} (${tensor.name}) ${what}`);
}
