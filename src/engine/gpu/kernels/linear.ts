/**
 * The linear layer and its gradients as matrix products in float32. A workgroup computes 16 × 16 results, two an
 * invocation, from slices of both factors in workgroup memory: batches are small, so that larger tiles would leave most
 * of a GPU idle. The next slice is fetched during the products of one. Products that do not wait for each other, as both
 * gradients, become one dispatch.
 */

import { dimension } from '../../../graph/tensor.js';
import { arePartsApart, interfere } from '../dispatchOrder.js';
import {
  branches,
  type KernelCall,
  kernelSource,
  longestDispatch,
  type Operand,
  type OperandRequest,
  tensorOperand,
} from '../kernel.js';
import { lanesFor, wideIf } from '../lanes.js';
import type { LoweredCall, Lowering } from '../lowering.js';

export const linear: Lowering<'linear'> = (node, placement) => {
  const { x, w, b } = node.operands;
  const { y } = node.results;
  const [batch, inputs, outputs] = [dimension(x, 0), dimension(w, 0), dimension(w, 1)];
  const product = productOn(
    {
      x: tensorOperand(placement, x, 'read'),
      w: tensorOperand(placement, w, 'read'),
      b: tensorOperand(placement, b, 'read'),
      y: tensorOperand(placement, y, 'write'),
    },
    wideIf(lanesFor(inputs), ['x']),
    (operands) => ({
      ...{ label: `linear ${y.name}`, rows: batch, columns: outputs, depth: inputs },
      a: alongK(operands.x, inputs),
      b: across(inputs, (column, k) => operands.w.load(`${k} * ${outputs}u + ${column}`)),
      start: (column) => operands.b.load(column),
      store: (row, column, sum) => operands.y.store(`${row} * ${outputs}u + ${column}`, sum),
    }),
  );
  return [dispatchOf([product])];
};

export const linearInputGradient: Lowering<'linearInputGradient'> = (node, placement) => {
  const { dy, w } = node.operands;
  const { dx } = node.results;
  const [batch, inputs, outputs] = [dimension(dy, 0), dimension(w, 0), dimension(w, 1)];
  const product = productOn(
    {
      dy: tensorOperand(placement, dy, 'read'),
      w: tensorOperand(placement, w, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    wideIf(lanesFor(outputs), ['dy', 'w']),
    (operands) => ({
      ...{ label: `linearInputGradient ${dx.name}`, rows: batch, columns: inputs, depth: outputs },
      a: alongK(operands.dy, outputs),
      b: alongK(operands.w, outputs),
      store: (row, column, sum) => operands.dx.store(`${row} * ${inputs}u + ${column}`, sum),
    }),
  );
  return [dispatchOf([product])];
};

/** The bias is another row of the weights, whose input is always 1. */
export const linearWeightGradient: Lowering<'linearWeightGradient'> = (node, placement) => {
  const { x, dy } = node.operands;
  const { dw, db } = node.results;
  const [batch, inputs, outputs] = [dimension(x, 0), dimension(x, 1), dimension(dy, 1)];
  const product = productOn(
    {
      x: tensorOperand(placement, x, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      dw: tensorOperand(placement, dw, 'write'),
      db: tensorOperand(placement, db, 'write'),
    },
    [],
    (operands) => ({
      ...{ label: `linearWeightGradient ${dw.name}`, rows: inputs + 1, columns: outputs, depth: batch },
      a: across(
        batch,
        (row, k) =>
          `select(${operands.x.load(`${k} * ${inputs}u + min(${row}, ${inputs - 1}u)`)}, 1.0, ${row} == ${inputs}u)`,
      ),
      b: across(batch, (column, k) => operands.dy.load(`${k} * ${outputs}u + ${column}`)),
      store: (
        row,
        column,
        sum,
      ) => `if (${row} < ${inputs}u) { ${operands.dw.store(`${row} * ${outputs}u + ${column}`, sum)} }
    else { ${operands.db.store(column, sum)} }`,
    }),
  );
  return [dispatchOf([product])];
};

/**
 * A factor: WGSL for the numbers at a position across (row of A, column of B) from k on, a multiple of four, with zeros
 * behind the depth; and along which memory is contiguous.
 */
interface Factor {
  readonly along: 'k' | 'across';
  readonly load4: (position: string, k: string) => string;
}

function alongK(operand: Operand, depth: number): Factor {
  const at = (position: string, k: string) => `${position} * ${depth}u + ${k}`;
  const load4 = (position: string, k: string) => operand.load4(`(${at(position, k)}) / 4u`);
  if (depth % 4 === 0) return { along: 'k', load4 };
  return { along: 'k', load4: fourOf(depth, (position, k) => operand.load(at(position, k))) };
}

function across(depth: number, load: (position: string, k: string) => string): Factor {
  return { along: 'across', load4: fourOf(depth, load) };
}

/** Four numbers that are loaded one by one. */
function fourOf(depth: number, load: (position: string, k: string) => string): Factor['load4'] {
  const one = (position: string, k: string) =>
    depth % 4 === 0
      ? load(position, k)
      : `select(0.0, ${load(position, `min(${k}, ${depth - 1}u)`)}, ${k} < ${depth}u)`;
  return (position, k) => `vec4f(${[0, 1, 2, 3].map((j) => one(position, `(${k} + ${j}u)`)).join(', ')})`;
}

interface Product {
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly a: Factor;
  readonly b: Factor;
  /** WGSL of a column's first summand; 0 by default. */
  readonly start?: (column: string) => string;
  /** WGSL that stores a sum. */
  readonly store: (row: string, column: string, sum: string) => string;
}

/** A product on operands that it shares a kernel for. */
export interface ProductOn {
  readonly requests: Readonly<Record<string, OperandRequest>>;
  /** Operands that are loaded four numbers at a time. */
  readonly wide: readonly string[];
  readonly of: (operands: Readonly<Record<string, Operand>>) => Product;
}

function productOn<Names extends string>(
  requests: Readonly<Record<Names, OperandRequest>>,
  wide: readonly NoInfer<Names>[],
  of: (operands: Readonly<Record<NoInfer<Names>, Operand>>) => Product,
): ProductOn {
  return { requests, wide, of: of as ProductOn['of'] };
}

/** Joins neighbouring products that do not use each other's results. */
export function joinedProducts(calls: readonly LoweredCall[]): LoweredCall[] {
  const joined: LoweredCall[] = [];
  for (const each of calls) {
    const last = joined.at(-1);
    const [first, second] = [last?.call.products ?? [], each.call.products ?? []];
    const areTwo = first.length === 1 && second.length === 1;
    const together = areTwo && !interfere(last!.call, each.call) && arePartsApart(last!.call, each.call);
    const call = together ? dispatchOf([...first, ...second]) : null;
    if (call && call.workgroups[0] <= longestDispatch) {
      joined.splice(-1, 1, { nodes: [...last!.nodes, ...each.nodes], call });
    } else joined.push(each);
  }
  return joined;
}

/** Rows and columns of a tile, and the fours in the depth of a slice, whose rows are padded to spread them over the banks. */
const side = 16;
const sliceFours = 16;
const stride = sliceFours + 1;
const sliceDepth = 4 * sliceFours;
const threads = (side * side) / 2;
/** The two results of an invocation are so many rows apart, and so are the fours that it brings of a factor. */
const rowsApart = threads / side;

/** One product, or two, of which the deeper one begins first. */
function dispatchOf(products: readonly ProductOn[]): KernelCall {
  const named = (name: string, index: number) => `${name}${index}`;
  const requests = products.flatMap((product, index) =>
    Object.entries(product.requests).map(([name, request]) => [named(name, index), request] as const),
  );
  const wide = products.flatMap((product, index) => product.wide.map((name) => named(name, index)));
  const { operands, finish } = kernelSource(Object.fromEntries(requests), wide);
  const all = products
    .map(({ requests, of }, index) =>
      of(Object.fromEntries(Object.keys(requests).map((name) => [name, operands[named(name, index)]!]))),
    )
    .sort((a, b) => b.depth - a.depth);
  const sizes = all.map(({ rows, columns }) => [Math.ceil(columns / side), Math.ceil(rows / side)] as const);
  const counts = sizes.map(([across, down]) => across * down);
  const [one] = all;
  const code =
    all.length === 1
      ? productCode(one!, 'group.y', 'group.x')
      : branches('group.x', counts, (index, begin) => {
          const tile = `(group.x - ${begin}u)`;
          const [across] = sizes[index]!;
          return productCode(all[index]!, `${tile} / ${across}u`, `${tile} % ${across}u`);
        });
  const body = `var<workgroup> left: array<vec4f, ${side * stride}>;
var<workgroup> right: array<vec4f, ${side * stride}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  ${code}
}
`;
  const label = all.map((each) => each.label).join(', ');
  const workgroups = all.length === 1 ? sizes[0]! : [counts.reduce((sum, count) => sum + count, 0)];
  return { ...finish(label, workgroups, body), products };
}

/** WGSL of a product's tile in the row and column of tiles. */
function productCode(
  { rows, columns, depth, a, b, start, store }: Product,
  tileRow: string,
  tileColumn: string,
): string {
  const rounds = [0, 1] as const;
  const stager = (slice: 'left' | 'right', first: string, count: number, { along, load4 }: Factor) => {
    const [fast, slow] = [`t % ${side}u`, (round: number) => `t / ${side}u + ${round * rowsApart}u`];
    const places = rounds.map((round) =>
      along === 'k' ? { position: slow(round), four: fast } : { position: fast, four: slow(round) },
    );
    const name = (round: number) => `${slice}${round}`;
    return {
      declare: rounds.map((round) => `var ${name(round)} = vec4f();`).join(' '),
      fetch: (begin: string) =>
        places
          .map(
            ({ position, four }, round) => `{
      let position = ${first} + ${position};
      let k = ${begin} + 4u * (${four});
      ${name(round)} = vec4f();
      if (position < ${count}u && k < ${depth}u) { ${name(round)} = ${load4('position', 'k')}; }
    }`,
          )
          .join('\n    '),
      keep: places
        .map(({ position, four }, round) => `${slice}[(${position}) * ${stride}u + ${four}] = ${name(round)};`)
        .join('\n    '),
    };
  };
  const [ofA, ofB] = [stager('left', 'firstRow', rows, a), stager('right', 'firstColumn', columns, b)];
  const fetch = (begin: string) => `${ofA.fetch(begin)}
    ${ofB.fetch(begin)}`;
  const eachRow = (write: (index: 0 | 1) => string) => rounds.map(write).join('\n      ');
  return `let firstRow = ${tileRow} * ${side}u;
  let firstColumn = ${tileColumn} * ${side}u;
  let rowHere = t / ${side}u;
  let columnHere = t % ${side}u;
  let column = firstColumn + columnHere;
  let begin = ${start ? start(`min(column, ${columns - 1}u)`) : '0.0'};
  ${eachRow((index) => `var sum${index} = begin;`)}
  ${ofA.declare}
  ${ofB.declare}
  ${fetch('0u')}
  for (var next = ${sliceDepth}u; next < ${depth + sliceDepth}u; next += ${sliceDepth}u) {
    workgroupBarrier();
    ${ofA.keep}
    ${ofB.keep}
    workgroupBarrier();
    ${fetch('next')}
    for (var four = 0u; four < ${sliceFours}u; four++) {
      let b = right[columnHere * ${stride}u + four];
      ${eachRow((index) => `let a${index} = left[(rowHere + ${index * rowsApart}u) * ${stride}u + four];`)}
      ${[0, 1, 2, 3].map((j) => eachRow((index) => `sum${index} += a${index}[${j}] * b[${j}];`)).join('\n      ')}
    }
  }
  ${eachRow(
    (index) => `if (firstRow + rowHere + ${index * rowsApart}u < ${rows}u && column < ${columns}u) {
    let row = firstRow + rowHere + ${index * rowsApart}u;
    ${store('row', 'column', `sum${index}`)}
  }`,
  )}`;
}
