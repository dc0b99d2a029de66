import { expect, it } from 'vitest';
import { elementCount, Graph, type Tensor } from '../graph/index.js';
import { bufferLayout } from './bufferLayout.js';

it('puts a tensor where it leaves the smallest gap', () => {
  const graph = new Graph();
  let link = graph.whole({ name: 'start', dtype: 'float', length: 1 }, [1]);
  const make = (result: Tensor) => graph.append('add', { a: link, b: link }, { y: result }, {});
  // Every call waits for the one before.
  const use = (operand: Tensor) => {
    link = graph.tensor('link', [1]);
    graph.append('add', { a: operand, b: operand }, { y: link }, {});
  };
  const [wide, tight, late] = [64, 32, 30].map((length) => graph.tensor(`${length}`, [length])) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  make(wide);
  use(wide);
  make(tight);
  use(wide);
  use(tight);
  make(late);
  use(late);
  const rules = { alignment: 4, largest: 4096, sizes: [] };
  const { places } = bufferLayout(graph.nodes, ({ shape }) => 4 * elementCount(shape), rules);
  const bufferOf = ({ id }: Tensor) => places.get(id)!.buffer;
  expect(bufferOf(tight)).not.toBe(bufferOf(wide));
  expect(places.get(late.id)).toEqual({ buffer: bufferOf(tight), offset: 0, bytes: 120 });
});
