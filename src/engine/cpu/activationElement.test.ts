import { expect, it } from 'vitest';
import { mulberry32 } from '../../../test/mulberry32.js';
import { Graph } from '../../graph/index.js';
import { makePlan } from '../../passes/index.js';
import { type QuantizerCore, quantizeValue } from '../../quant/index.js';
import { createCpuEngine } from './index.js';

const bits = new DataView(new ArrayBuffer(4));

/** The float `ulps` steps further from zero. */
function neighbour(value: number, ulps: number): number {
  bits.setFloat32(0, value);
  bits.setUint32(0, bits.getUint32(0) + ulps);
  return bits.getFloat32(0);
}

/** Where a rounding could go wrong: halves, powers of √2, the ends of the range, and what lies next to them. */
function delicateValues(e1: number): Float32Array {
  const random = mulberry32(3);
  const points = [1e-30, e1, ...Array.from({ length: 40 }, (_, i) => 0.0625 * (i + 1))];
  for (let k = -12; k < 12; k++) points.push(2 ** k, 2 ** (k + 0.5));
  const near = points.flatMap((point) => [-1, 0, 1].map((ulps) => neighbour(point, ulps)));
  const wide = Array.from({ length: 500 }, () => (random() - 0.5) * 2 ** (20 * random() - 8));
  return Float32Array.from([0, Number.NaN, Number.POSITIVE_INFINITY, ...near, ...near.map((x) => -x), ...wide]);
}

const ranges: readonly (readonly [QuantizerCore, number, number])[] = [
  ['uniform', 0.125, 1.8],
  ['uniform', 2 ** -20, 8],
  ['fixedUniform', 0.125, 1.875],
  ['pow2', 0.0625, 4],
  ['fixedPow2', 0.0625, 4],
];

it.each(ranges)('%s (%d, %d) quantizes every float to the bits of quant/', async (core, e0, e1) => {
  const engine = await createCpuEngine({ threads: 1 });
  for (const signed of [true, false]) {
    const values = delicateValues(e1);
    const graph = new Graph();
    const tensor = (name: string, length: number) => graph.whole({ name, dtype: 'float', length });
    const x = tensor('x', values.length);
    const activation = { type: 'quantize', row: 0, core, signed } as const;
    graph.append(
      'activation',
      { x, ranges: graph.whole({ name: 'ranges', dtype: 'float', length: 2 }, [1, 2]) },
      { y: tensor('y', values.length) },
      { activation },
    );
    const program = await engine.load(makePlan({ step: graph }));
    program.write('x', values);
    program.write('ranges', [e0, e1]);
    await program.run('step');
    const actual = await program.read('y');
    const float1 = Math.fround(e1);
    const wrong = [...values].filter((value, i) => {
      const right = Math.fround(quantizeValue(core, signed, e0, float1, value));
      return actual[i] !== right && !(Number.isNaN(right) && Number.isNaN(actual[i]));
    });
    expect(wrong, signed ? 'signed' : 'unsigned').toEqual([]);
  }
  await engine.dispose();
});
