/**
 * Sums in two stages with a fixed order: every workgroup writes a row of partial sums, a second kernel adds the rows.
 * Without atomics, every run gives the same bits.
 */

import { elementCount, type Tensor } from '../../../graph/tensor.js';
import {
  branches,
  bufferOperand,
  type KernelCall,
  kernelSource,
  type Operand,
  type OperandRequest,
  type PartialSums,
  type Placement,
  tensorOperand,
  workgroupSize,
} from '../kernel.js';
import type { Lanes } from '../lanes.js';

/** Most rows of partial sums: enough workgroups to fill a large GPU, few enough to add quickly. */
export const mostPartials = 512;

/**
 * Adds the rows of some tables, each with as many columns as its results have elements together, in one dispatch. Those of
 * most rows begin first, as they take longest.
 */
export function finishSums(placement: Placement, label: string, given: readonly PartialSums[]): KernelCall {
  const tables = [...given].sort((a, b) => b.rows - a.rows);
  const { operands, finish } = kernelSource(sumsRequests(placement, tables));
  const { declarations, groups, code } = addedSums(tables, operands, workgroupSize, rowsAtOnce);
  const body = `
${declarations}
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  ${code}
}
`;
  return { ...finish(label, [groups], body), sums: given };
}

/** The requests of kernels that add up tables. */
export function sumsRequests(placement: Placement, tables: readonly PartialSums[]): Record<string, OperandRequest> {
  const requests: Record<string, OperandRequest> = {};
  tables.forEach(({ partials, results }, table) => {
    requests[`partials${table}`] = bufferOperand(partials, 'read');
    results.forEach((tensor, index) => {
      requests[`result${table}_${index}`] = tensorOperand(placement, tensor, 'write');
    });
  });
  return requests;
}

/** Workgroup memory in bytes for adding up tables. */
export const bytesForSums = 4 * workgroupSize;

/** Rows that an invocation loads before it adds them, one after another. */
const rowsAtOnce = 4;

/**
 * WGSL by which workgroups, so many from `group.x` = 0 on, add up tables, each of so many `threads`, a power of two.
 *
 * @param atOnce rows that an invocation loads before it adds them
 */
export function addedSums(
  tables: readonly PartialSums[],
  operands: Readonly<Record<string, Operand>>,
  threads: number,
  atOnce = 1,
): { readonly declarations: string; readonly groups: number; readonly code: string } {
  const widths = tables.map(({ results }) => results.reduce((sum, tensor) => sum + elementCount(tensor.shape), 0));
  const columnsOf = (table: number): number => {
    const { rows } = tables[table]!;
    return Math.min(nextPowerOfTwo(widths[table]!), rows >= 64 ? 16 : rows >= 16 ? 64 : threads);
  };
  const groups = widths.map((width, table) => Math.ceil(width / columnsOf(table)));
  const code = branches('group.x', groups, (table, first) => {
    const { start, rows, results } = tables[table]!;
    const [width, columns] = [widths[table]!, columnsOf(table)];
    const load = (row: string) => operands[`partials${table}`]!.load(`${start}u + ${row} * ${width}u + column`);
    const step = threads / columns;
    const loop = (row: string) => `for (${row}; row < ${rows}u; row += ${step}u) { sum += ${load('row')}; }`;
    const ahead = [...Array(atOnce).keys()].map((j) => [`row${j}`, load(`(row + ${j * step}u)`)] as const);
    const init = `var row = t / ${columns}u`;
    const add =
      atOnce === 1 || rows < atOnce * step
        ? loop(init)
        : `${init};
      for (; row + ${(atOnce - 1) * step}u < ${rows}u; row += ${atOnce * step}u) {
        ${ahead.map(([name, loaded]) => `let ${name} = ${loaded};`).join(' ')}
        ${ahead.map(([name]) => `sum += ${name};`).join(' ')}
      }
      ${loop('')}`;
    const sizes = results.map((tensor) => elementCount(tensor.shape));
    const stores = branches('column', sizes, (result, begin) =>
      operands[`result${table}_${result}`]!.store(`column - ${begin}u`, 'sum'),
    );
    return `let column = (group.x - ${first}u) * ${columns}u + t % ${columns}u;
    var sum = 0.0;
    if (column < ${width}u) {
      ${add}
    }
    lanes[t] = sum;
    ${treeSum('lanes', threads, columns)}
    sum = lanes[t];
    if (t < ${columns}u) {
      ${stores}
    }`;
  });
  const declarations = `var<workgroup> lanes: array<f32, ${threads}>;`;
  return { declarations, groups: groups.reduce((sum, count) => sum + count, 0), code };
}

/**
 * Folds a workgroup array of `size` values, a power of two times `down`, to its first `down` sums; every value has been
 * stored by some invocation.
 */
export function treeSum(array: string, size: number, down = 1): string {
  return treeFold(array, size, down, (a, b) => `${a} + ${b}`);
}

/** Folds a workgroup array of `size` values, a power of two, to its maximum. */
export function treeMax(array: string, size: number): string {
  return treeFold(array, size, 1, (a, b) => `max(${a}, ${b})`);
}

/** Folds by as many invocations as values. */
export function treeFold(
  array: string,
  size: number,
  down: number,
  combined: (a: string, b: string) => string,
): string {
  if (nextPowerOfTwo(size / down) !== size / down) throw new Error(`${size / down} values cannot be halved to one`);
  return `workgroupBarrier();
  for (var span = ${size / 2}u; span >= ${down}u; span /= 2u) {
    if (t < span) { ${array}[t] = ${combined(`${array}[t]`, `${array}[t + span]`)}; }
    workgroupBarrier();
  }`;
}

export function nextPowerOfTwo(n: number): number {
  return 2 ** Math.ceil(Math.log2(n));
}

/**
 * The shape of a workgroup over pixels and channels [..., C]: `across` vectors of channels, of which there are
 * `columnGroups` times as many, and `down` pixels; the other invocations have nothing to do.
 */
export function workgroupsOf(y: Pick<Tensor, 'shape'>, lanes: Lanes) {
  const channels = y.shape.at(-1)!;
  const perPixel = channels / lanes.width;
  const columnGroups = Math.ceil(perPixel / mostAcross);
  const across = Math.ceil(perPixel / columnGroups);
  const down = Math.floor(workgroupSize / across);
  const isWorking = `t < ${across * down}u && c < ${perPixel}u`;
  return { channels, pixels: elementCount(y.shape) / channels, lanes, perPixel, columnGroups, across, down, isWorking };
}

/** Most vectors of channels of a workgroup. */
const mostAcross = 64;

/** Sums over the rows of arrays [down][across] by so many invocations; every value has been stored by some invocation. */
export function columnSums(
  arrays: readonly string[],
  { across, down }: { readonly across: number; readonly down: number },
  threads = across * down,
): string {
  const folds = arrays.map((array) => `${array}[i] += ${array}[i + half * ${across}u];`).join(' ');
  return `workgroupBarrier();
  for (var rows = ${down}u; rows > 1u; ) {
    let half = (rows + 1u) / 2u;
    for (var i = t; i < (rows - half) * ${across}u; i += ${threads}u) { ${folds} }
    rows = half;
    workgroupBarrier();
  }`;
}

/** Stores the one or four numbers of a vector from element `at`. */
export function storeComponents(lanes: Lanes, target: Operand, at: string, value: string): string {
  if (lanes.width === 1) return target.store(at, value);
  return [0, 1, 2, 3].map((j) => target.store(`${at} + ${j}u`, `${value}[${j}]`)).join(' ');
}
