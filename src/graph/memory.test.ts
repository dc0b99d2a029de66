import { describe, expect, it } from 'vitest';
import { createRandom } from '../data/random.js';
import { Graph } from './graph.js';
import { arenaLayout, lifetimes, slotLayout } from './memory.js';
import { elementCount, type Tensor } from './tensor.js';

const bytesOf = (tensor: Tensor): number => 4 * elementCount(tensor.shape);

/** A random chain of sums, whose operation may write its result over either operand. */
function randomGraph(seed: number): Graph {
  const random = createRandom(seed);
  const graph = new Graph();
  const tensors: Tensor[] = [];
  const make = (name: string): Tensor => graph.tensor(name, [1 + random.below(3) * 16]);
  for (let index = 0; index < 40; index++) {
    const result = make(`t${index}`);
    const operands = tensors.length ? [0, 1].map(() => tensors[random.below(tensors.length)]!) : [];
    graph.append('add', operands, [result], {});
    tensors.push(result);
  }
  return graph;
}

describe('the memory plan', () => {
  const seeds = Array.from({ length: 20 }, (_, seed) => seed);

  it.each(seeds)('gives tensors that live together memory of their own (seed %i)', (seed) => {
    const { nodes } = randomGraph(seed);
    const alive = lifetimes(nodes, bytesOf);
    const { offsets, bytes } = arenaLayout(nodes, bytesOf, 64);
    const { slots, sizes } = slotLayout(nodes, bytesOf);
    for (const a of alive) {
      const start = offsets.get(a.tensors[0]!.id)!;
      expect(start % 64).toBe(0);
      expect(start + a.bytes).toBeLessThanOrEqual(bytes);
      expect(sizes[slots.get(a.tensors[0]!.id)!]).toBeGreaterThanOrEqual(a.bytes);
      for (const b of alive) {
        if (a === b || a.first > b.last || b.first > a.last) continue;
        const other = offsets.get(b.tensors[0]!.id)!;
        expect(start + a.bytes <= other || other + b.bytes <= start).toBe(true);
        expect(slots.get(a.tensors[0]!.id)).not.toBe(slots.get(b.tensors[0]!.id));
      }
    }
  });

  it('needs no more than the sum of all tensors, and less where some die', () => {
    const { nodes } = randomGraph(7);
    const sum = nodes
      .flatMap((node) => node.outputs)
      .reduce((bytes, tensor) => bytes + Math.ceil(bytesOf(tensor) / 64) * 64, 0);
    expect(arenaLayout(nodes, bytesOf, 64).bytes).toBeLessThan(sum);
  });

  it('writes a result over an operand that dies, unless the other operand is the same tensor', () => {
    const graph = new Graph();
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => graph.tensor(name, [16]));
    graph.append('add', [], [a!], {});
    graph.append('add', [], [b!], {});
    graph.append('add', [a!, b!], [c!], {});
    graph.append('add', [c!, c!], [d!], {});
    const shared = lifetimes(graph.nodes, bytesOf).map(({ tensors }) => tensors.map(({ name }) => name));
    expect(shared).toEqual([['a', 'c'], ['b'], ['d']]);
  });
});
