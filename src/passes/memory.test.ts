import { describe, expect, it } from 'vitest';
import { createRandom } from '../data/random.js';
import { Graph, operandsOf, resultsOf } from '../graph/graph.js';
import { elementCount, type Tensor } from '../graph/tensor.js';
import { bufferLayout } from './bufferLayout.js';
import { concurrentRuns } from './concurrency.js';
import { arenaLayout, lifetimes } from './memory.js';

const bytesOf = (tensor: Tensor): number => 4 * elementCount(tensor.shape);

/** An operand that needs no memory of a plan. */
const stored = (graph: Graph): Tensor => graph.whole({ name: 'stored', dtype: 'float', length: 1 });

/** Results that need none either. */
const inStorages = (graph: Graph) => ({ dx: stored(graph), dexponents: stored(graph), sums: stored(graph) });

/** A random chain of sums, whose operation may write its result over either operand. */
function randomGraph(seed: number): Graph {
  const random = createRandom(seed);
  const graph = new Graph();
  const tensors: Tensor[] = [];
  const make = (name: string): Tensor => graph.tensor(name, [1 + random.below(3) * 16]);
  for (let index = 0; index < 40; index++) {
    const result = make(`t${index}`);
    const operand = () => (tensors.length ? tensors[random.below(tensors.length)]! : stored(graph));
    graph.append('add', { a: operand(), b: operand() }, { y: result }, {});
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
    for (const a of alive) {
      const start = offsets.get(a.tensors[0]!.id)!;
      expect(start % 64).toBe(0);
      expect(start + a.bytes).toBeLessThanOrEqual(bytes);
      for (const b of alive) {
        if (a === b || a.first > b.last || b.first > a.last) continue;
        const other = offsets.get(b.tensors[0]!.id)!;
        expect(start + a.bytes <= other || other + b.bytes <= start).toBe(true);
      }
    }
  });

  it.each(seeds)('parts buffers so that no call reads one part and writes another (seed %i)', (seed) => {
    const { nodes } = randomGraph(seed);
    const alive = lifetimes(nodes, bytesOf);
    const { places, sizes } = bufferLayout(nodes, bytesOf, { alignment: 64, largest: 1024, sizes: [] });
    for (const a of alive) {
      const place = places.get(a.tensors[0]!.id)!;
      expect(place.offset % 64).toBe(0);
      expect(place.offset + a.bytes).toBeLessThanOrEqual(sizes[place.buffer]!);
      expect(sizes[place.buffer]).toBeLessThanOrEqual(1024);
      for (const b of alive) {
        const other = places.get(b.tensors[0]!.id)!;
        if (a === b || place.buffer !== other.buffer || a.first > b.last || b.first > a.last) continue;
        expect(place.offset + a.bytes <= other.offset || other.offset + b.bytes <= place.offset).toBe(true);
      }
    }
    for (const node of nodes.slice(1)) {
      const written = places.get(resultsOf(node)[0]!.id)!;
      for (const operand of operandsOf(node)) {
        const read = places.get(operand.id)!;
        if (read !== written) expect(read.buffer).not.toBe(written.buffer);
      }
    }
  });

  it('puts small tensors side by side where a large one was', () => {
    const graph = new Graph();
    const [large, a, b, c, d] = [64, 16, 16, 16, 16].map((length, i) => graph.tensor(`t${i}`, [length]));
    const chain = [large!, a!, b!, c!, d!];
    chain.forEach((tensor, i) => {
      graph.append('copy', { x: chain[i - 1] ?? stored(graph) }, { y: tensor }, {});
    });
    graph.append('quantizeChannelsGradient', { x: a!, ranges: b!, exponents: c!, dy: d! }, inStorages(graph), {
      row: 0,
      core: 'uniform',
    });
    const { places, sizes } = bufferLayout(graph.nodes, bytesOf, { alignment: 64, largest: 1024, sizes: [] });
    expect(sizes).toEqual([256, 64, 64]);
    expect([b, d].map((tensor) => places.get(tensor!.id))).toEqual([
      { buffer: 0, offset: 0, bytes: 64 },
      { buffer: 0, offset: 64, bytes: 64 },
    ]);
  });

  it('finds room for a phase in the buffers of another', () => {
    const first = bufferLayout(randomGraph(3).nodes, bytesOf, { alignment: 64, largest: 1024, sizes: [] });
    const { sizes } = bufferLayout(randomGraph(3).nodes, bytesOf, { alignment: 64, largest: 1024, sizes: first.sizes });
    expect(sizes).toEqual(first.sizes);
  });

  it('lets calls run at once that share nothing that one of them writes', () => {
    const graph = new Graph();
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((name) => graph.tensor(name, [16]));
    graph.append('copy', { x: a! }, { y: b! }, {});
    graph.append('copy', { x: a! }, { y: c! }, {});
    graph.append('add', { a: b!, b: c! }, { y: d! }, {});
    graph.append('copy', { x: a! }, { y: c! }, {});
    graph.append('copy', { x: a! }, { y: e! }, {});
    const runs = concurrentRuns(graph.nodes).map((calls) => calls.map((call) => resultsOf(call)[0]!.name));
    expect(runs).toEqual([['b', 'c'], ['d'], ['c', 'e']]);
  });

  it('needs no more than the sum of all tensors, and less where some die', () => {
    const { nodes } = randomGraph(7);
    const sum = nodes.flatMap(resultsOf).reduce((bytes, tensor) => bytes + Math.ceil(bytesOf(tensor) / 64) * 64, 0);
    expect(arenaLayout(nodes, bytesOf, 64).bytes).toBeLessThan(sum);
  });

  it('writes a result over an operand that dies, unless the other operand is the same tensor', () => {
    const graph = new Graph();
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => graph.tensor(name, [16]));
    for (const y of [a!, b!]) graph.append('copy', { x: stored(graph) }, { y }, {});
    graph.append('add', { a: a!, b: b! }, { y: c! }, {});
    graph.append('add', { a: c!, b: c! }, { y: d! }, {});
    const shared = lifetimes(graph.nodes, bytesOf).map(({ tensors }) => tensors.map(({ name }) => name));
    expect(shared).toEqual([['a', 'c'], ['b'], ['d']]);
  });

  it('keeps what a scaled tensor was: the gradient of the factor needs it whole', () => {
    const graph = new Graph();
    const [x, dy, dx] = ['x', 'dy', 'dx'].map((name) => graph.tensor(name, [4, 10]));
    const factor = graph.whole({ name: 'factor', dtype: 'float', length: 1 }, [1, 1]);
    for (const y of [x!, dy!]) graph.append('copy', { x: stored(graph) }, { y }, {});
    graph.append('scaleGradient', { x: x!, factor, dy: dy! }, { dx: dx!, dfactor: graph.tensor('dfactor', [1]) }, {});
    const shared = () => lifetimes(graph.nodes, bytesOf).map(({ tensors }) => tensors.map(({ name }) => name));
    expect(shared()).toEqual([['x'], ['dy', 'dx'], ['dfactor']]);
    // Nor where what it may take the place of lives on.
    graph.append('add', { a: dy!, b: dy! }, { y: graph.tensor('sum', [4, 10]) }, {});
    expect(shared()).toEqual([['x'], ['dy'], ['dx'], ['dfactor'], ['sum']]);
  });
});
