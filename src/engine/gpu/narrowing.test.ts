import { describe, expect, it } from 'vitest';
import { windowLike } from '../../../test/engine/windows.js';
import { exampleQuantizer } from '../../../test/exampleQuantizer.js';
import { Graph } from '../../graph/graph.js';
import { activation } from '../../ops/activation.js';
import type { Activation } from '../../ops/attributes.js';
import { conv2d } from '../../ops/convolution.js';
import { maxPool } from '../../ops/maxPool.js';
import type { QuantizerKind } from '../../quant/index.js';
import { coreOf, type Quantizer } from '../../quant/index.js';
import type { MatrixUnits } from './kernel.js';
import * as kernels from './kernels/matrixKernels.js';
import { narrowFormats } from './narrowing.js';

const rounding: MatrixUnits = { precision: 'float16', workgroupBytes: 49_152, kernels };
const splitting: MatrixUnits = { precision: 'float16x2', workgroupBytes: 49_152, kernels };

function quantizer(kind: QuantizerKind, xmaxMax = 255): Quantizer {
  const bounds = { xmin: { min: 2 ** -14, max: 255 }, xmax: { min: 2 ** -8, max: xmaxMax } };
  return exampleQuantizer(kind, { role: 'activation', bounds });
}

/** Formats of an activation and of the pooled activation, which are read by a convolution and perhaps by a sum. */
function formats(row: Quantizer | null, units: MatrixUnits | null, { channels = 16, side = 8, isAdded = false } = {}) {
  const graph = new Graph();
  const ranges = graph.tensor('ranges', [1, 2]);
  graph.append('prepareQuantizers', { table: graph.tensor('table', [1, 2]) }, { ranges }, { rows: row ? [row] : [] });
  const shape = [2, side, side, channels];
  const kind: Activation = row
    ? { type: 'quantize', row: 0, core: coreOf(row.kind), signed: row.signed }
    : { type: 'relu' };
  const y = activation(graph, graph.tensor('x', shape), ranges, kind);
  const pooled = maxPool(graph, y, { size: 3, stride: 1, padding: 1 }, false);
  const w = graph.tensor('w', [1, 1, channels, channels]);
  conv2d(graph, pooled, w, { stride: 1, padding: 0 }, false);
  if (isAdded) graph.append('add', { a: pooled, b: pooled }, { y: graph.tensor('sum', shape) }, {});
  const narrow = narrowFormats(graph.nodes, units);
  return [narrow.get(y), narrow.get(pooled)];
}

describe('tensors of 16 bits', () => {
  it('are of the table that the ranges come from: a teacher has one of its own', () => {
    const graph = new Graph();
    const rows = [quantizer('parametric_fp_d_xmax'), quantizer('parametric_fp_d_xmax', 256)];
    const outputs = rows.map((own) => {
      const [table, ranges, x] = [
        [1, 2],
        [1, 2],
        [2, 8, 8, 16],
      ].map((shape) => graph.tensor('t', shape));
      graph.append('prepareQuantizers', { table: table! }, { ranges: ranges! }, { rows: [own] });
      return activation(graph, x!, ranges!, { type: 'quantize', row: 0, core: coreOf(own.kind), signed: own.signed });
    });
    const narrow = narrowFormats(graph.nodes, null);
    expect(outputs.map((y) => narrow.get(y))).toEqual([{ step: 2 ** -8 }, undefined]);
  });

  it('hold what a quantizer can put out, wherever it goes', () => {
    const [step, none] = [{ step: 2 ** -8 }, undefined];
    expect(formats(quantizer('parametric_fp_d_xmax'), null, { isAdded: true })).toEqual([step, step]);
    expect(formats(quantizer('parametric_fp_d_b'), null)).toEqual(['float16', 'float16']);
    expect(formats(quantizer('parametric_fp_d_xmax', 7), null)).toEqual(['float16', 'float16']);
    expect(formats(quantizer('parametric_fp_d_xmax', 256), null)).toEqual([none, none]);
    expect(formats(quantizer('parametric_fp_b_xmax'), null)).toEqual([none, none]);
    expect(formats(quantizer('parametric_pow2_xmin_xmax'), null)).toEqual([none, none]);
    expect(formats({ ...quantizer('parametric_fp_d_xmax'), signed: true }, null)).toEqual([none, none]);
    expect(formats(null, null)).toEqual([none, none]);
  });

  it('hold what matrix units would round anyway, if nothing else reads it', () => {
    const [step, none] = [{ step: 2 ** -8 }, undefined];
    expect(formats(null, rounding)).toEqual([none, 'float16']);
    expect(formats(null, rounding, { isAdded: true })).toEqual([none, none]);
    expect(formats(null, splitting)).toEqual([none, none]);
    expect(formats(quantizer('parametric_fp_d_xmax'), rounding)).toEqual([step, 'float16']);
    expect(formats(quantizer('parametric_fp_d_xmax'), rounding, { isAdded: true })).toEqual([step, step]);
    expect(formats(quantizer('parametric_fp_d_xmax'), splitting)).toEqual([step, step]);
  });

  it('hold the multiples of gradients that matrix units would round', () => {
    const gradient = (units: MatrixUnits | null, isAdded = false) => {
      const graph = new Graph();
      const tensor = (name: string, shape: readonly number[] = [2, 8, 8, 16]) => graph.tensor(name, shape);
      const dx = tensor('dx');
      graph.append(
        'activationGradient',
        { x: tensor('x'), ranges: null, dy: tensor('dy') },
        { dx, sums: null },
        { activation: { type: 'relu' } },
      );
      const w = tensor('w', [1, 1, 16, 16]);
      const window = windowLike({});
      graph.append('conv2dWeightGradient', { x: tensor('image'), dy: dx }, { dw: tensor('dw', w.shape) }, window);
      graph.append('conv2dInputGradient', { dy: dx, w, addend: isAdded ? dx : null }, { dx: tensor('before') }, window);
      return narrowFormats(graph.nodes, units).get(dx);
    };
    expect(gradient(rounding)).toEqual({ scale: 128 });
    expect(gradient({ ...rounding, roundsResults: true }, true)).toEqual({ scale: 128 });
    expect(gradient(rounding, true)).toBeUndefined();
    expect(gradient(splitting)).toBeUndefined();
    expect(gradient(null)).toBeUndefined();
  });

  it('hold results of convolutions where the user has chosen so', () => {
    const graph = new Graph();
    const y = conv2d(graph, graph.tensor('x', [2, 8, 8, 3]), graph.tensor('w', [1, 1, 3, 16]), {}, false).y;
    graph.append('add', { a: y, b: y }, { y: graph.tensor('sum', y.shape) }, {});
    expect(narrowFormats(graph.nodes, { ...rounding, roundsResults: true }).get(y)).toEqual({ scale: 1 });
    expect(narrowFormats(graph.nodes, rounding).get(y)).toBeUndefined();
  });

  it('are large and hold a multiple of four numbers a pixel', () => {
    expect(formats(quantizer('parametric_fp_d_b'), null, { channels: 18 })).toEqual([undefined, undefined]);
    expect(formats(quantizer('parametric_fp_d_b'), null, { side: 4 })).toEqual([undefined, undefined]);
  });
});
