import { describe, expect, it } from 'vitest';
import { createRandom } from '../data/random.js';
import { Graph } from '../graph/index.js';
import { Variables } from './variables.js';

describe('a variable that is asked for again', () => {
  const asked = () => {
    const [graph, variables] = [new Graph(), new Variables(createRandom(1))];
    const start = () => new Float64Array(6);
    const first = variables.parameter(graph, 'w', [2, 3], 'plain', start);
    return { graph, variables, start, first };
  };

  it('is the same place', () => {
    const { graph, variables, start, first } = asked();
    expect(variables.parameter(graph, 'w', [2, 3], 'plain', start).view).toEqual(first.view);
  });

  it('is refused with another shape, layout, group or purpose', () => {
    const { graph, variables, start } = asked();
    const known = 'w is [2,3], layout plain, group weight already, and cannot be';
    expect(() => variables.parameter(graph, 'w', [3, 2], 'plain', start)).toThrow(
      `${known} [3,2], layout plain, group weight as well: another name would be right`,
    );
    expect(() => variables.parameter(graph, 'w', [2, 3], 'convolution', start)).toThrow(known);
    expect(() => variables.parameter(graph, 'w', [2, 3], 'plain', start, 'bias')).toThrow(known);
    expect(() => variables.runningValue(graph, 'w', 6, 0)).toThrow(known);
  });

  it('is refused where a layer has other channels', () => {
    const { variables } = asked();
    variables.statistics('conv1', 4);
    expect(() => variables.statistics('conv1', 8)).toThrow('conv1 has 4 channels already, and cannot have 8 as well');
  });
});

it('start values are drawn when they are asked for, the same whoever asks first', () => {
  let draws = 0;
  const declared = () => {
    const [graph, variables] = [new Graph(), new Variables(createRandom(1))];
    for (const name of ['a', 'b', 'c']) {
      variables.parameter(graph, name, [2], 'plain', (random) => {
        draws++;
        return Float64Array.of(random.normal(), random.normal());
      });
    }
    return variables;
  };
  const inOrder = declared();
  expect(draws).toBe(0);
  const values = ['a', 'b', 'c'].map((name) => inOrder.find(name)!.start);
  const backwards = declared();
  expect(['c', 'b', 'a'].map((name) => backwards.find(name)!.start)).toEqual([...values].reverse());
  expect(draws).toBe(6);
});
