/**
 * The linear layer and its gradients as matrix products in float32. A workgroup computes 16 × 16 results, one an
 * invocation, from slices of both factors in workgroup memory: batches are small, so that larger tiles would leave most
 * of a GPU idle.
 */

import { dimension } from '../../../graph/tensor.js';
import { kernelSource, tensorOperand } from '../kernel.js';
import type { Lowering } from '../lowering.js';

export const linear: Lowering<'linear'> = (node, placement) => {
  const { x, w, b } = node.operands;
  const { y } = node.results;
  const [batch, inputs, outputs] = [dimension(x, 0), dimension(w, 0), dimension(w, 1)];
  const { operands, finish } = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    w: tensorOperand(placement, w, 'read'),
    b: tensorOperand(placement, b, 'read'),
    y: tensorOperand(placement, y, 'write'),
  });
  const product: Product = {
    ...{ rows: batch, columns: outputs, depth: inputs },
    a: { along: 'k', load: (row, k) => operands.x.load(`${row} * ${inputs}u + ${k}`) },
    b: { along: 'across', load: (column, k) => operands.w.load(`${k} * ${outputs}u + ${column}`) },
    start: (column) => operands.b.load(column),
    store: (row, column) => operands.y.store(`${row} * ${outputs}u + ${column}`, 'sum'),
  };
  return [finish(`linear ${y.name}`, tilesOf(product), productSource(product))];
};

export const linearInputGradient: Lowering<'linearInputGradient'> = (node, placement) => {
  const { dy, w } = node.operands;
  const { dx } = node.results;
  const [batch, inputs, outputs] = [dimension(dy, 0), dimension(w, 0), dimension(w, 1)];
  const { operands, finish } = kernelSource({
    dy: tensorOperand(placement, dy, 'read'),
    w: tensorOperand(placement, w, 'read'),
    dx: tensorOperand(placement, dx, 'write'),
  });
  const product: Product = {
    ...{ rows: batch, columns: inputs, depth: outputs },
    a: { along: 'k', load: (row, k) => operands.dy.load(`${row} * ${outputs}u + ${k}`) },
    b: { along: 'k', load: (column, k) => operands.w.load(`${column} * ${outputs}u + ${k}`) },
    store: (row, column) => operands.dx.store(`${row} * ${inputs}u + ${column}`, 'sum'),
  };
  return [finish(`linearInputGradient ${dx.name}`, tilesOf(product), productSource(product))];
};

/** The bias is another row of the weights, whose input is always 1. */
export const linearWeightGradient: Lowering<'linearWeightGradient'> = (node, placement) => {
  const { x, dy } = node.operands;
  const { dw, db } = node.results;
  const [batch, inputs, outputs] = [dimension(x, 0), dimension(x, 1), dimension(dy, 1)];
  const { operands, finish } = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    dy: tensorOperand(placement, dy, 'read'),
    dw: tensorOperand(placement, dw, 'write'),
    db: tensorOperand(placement, db, 'write'),
  });
  const product: Product = {
    ...{ rows: inputs + 1, columns: outputs, depth: batch },
    a: {
      along: 'across',
      load: (row, k) =>
        `select(${operands.x.load(`${k} * ${inputs}u + min(${row}, ${inputs - 1}u)`)}, 1.0, ${row} == ${inputs}u)`,
    },
    b: { along: 'across', load: (column, k) => operands.dy.load(`${k} * ${outputs}u + ${column}`) },
    store: (
      row,
      column,
    ) => `if (${row} < ${inputs}u) { ${operands.dw.store(`${row} * ${outputs}u + ${column}`, 'sum')} }
    else { ${operands.db.store(column, 'sum')} }`,
  };
  return [finish(`linearWeightGradient ${dw.name}`, tilesOf(product), productSource(product))];
};

/** A factor: WGSL for the number at a position across (row of A, column of B) and k, and along which memory is contiguous. */
interface Factor {
  readonly along: 'k' | 'across';
  readonly load: (position: string, k: string) => string;
}

interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly a: Factor;
  readonly b: Factor;
  /** WGSL of a column's first summand; 0 by default. */
  readonly start?: (column: string) => string;
  /** WGSL that stores `sum`. */
  readonly store: (row: string, column: string) => string;
}

/** Rows and columns of a tile, and the depth of a slice, whose rows are padded to spread them over the banks. */
const side = 16;
const sliceDepth = 64;
const stride = sliceDepth + 1;

function tilesOf({ rows, columns }: Product): [number, number] {
  return [Math.ceil(columns / side), Math.ceil(rows / side)];
}

function productSource({ rows, columns, depth, a, b, start, store }: Product): string {
  const bring = (slice: string, first: string, count: number, { along, load }: Factor) => {
    const [across, k] = along === 'k' ? [`i / ${sliceDepth}u`, `i % ${sliceDepth}u`] : [`i % ${side}u`, `i / ${side}u`];
    return `for (var i = t; i < ${side * sliceDepth}u; i += ${side * side}u) {
      let position = ${first} + ${across};
      let k = slice + ${k};
      var value = 0.0;
      if (position < ${count}u && k < ${depth}u) { value = ${load('position', 'k')}; }
      ${slice}[(${across}) * ${stride}u + ${k}] = value;
    }`;
  };
  return `var<workgroup> left: array<f32, ${side * stride}>;
var<workgroup> right: array<f32, ${side * stride}>;
@compute @workgroup_size(${side * side})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let firstRow = group.y * ${side}u;
  let firstColumn = group.x * ${side}u;
  let row = firstRow + t / ${side}u;
  let column = firstColumn + t % ${side}u;
  var sum = ${start ? start(`min(column, ${columns - 1}u)`) : '0.0'};
  for (var slice = 0u; slice < ${depth}u; slice += ${sliceDepth}u) {
    ${bring('left', 'firstRow', rows, a)}
    ${bring('right', 'firstColumn', columns, b)}
    workgroupBarrier();
    for (var k = 0u; k < ${sliceDepth}u; k++) {
      sum += left[t / ${side}u * ${stride}u + k] * right[t % ${side}u * ${stride}u + k];
    }
    workgroupBarrier();
  }
  if (row < ${rows}u && column < ${columns}u) {
    ${store('row', 'column')}
  }
}
`;
}
