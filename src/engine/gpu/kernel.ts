/**
 * A kernel call as data: WGSL source, bindings, number of workgroups. Operands become accessors that write the WGSL of
 * a load or a store, so kernels do not depend on where a tensor is.
 *
 * Offsets of storage views and other numbers that differ between layers of one shape are passed in a small uniform
 * instead of constants: such layers have the same source and share a pipeline. Operands in one buffer share one
 * variable, as WebGPU forbids binding a buffer for reading and for writing in the same dispatch. Transient tensors are
 * in parts of buffers, bound by offset; those that a dispatch reads and those that it writes are in different buffers,
 * or are the same part.
 */

import { elementCount, type Tensor } from '../../graph/tensor.js';
import { accessFunctions, elementBytes, elementOf, type Format, operandAccess, type Variable } from './formats.js';
import type { ProductOn } from './kernels/linear.js';
import { forNetworks } from './wgsl/networks.js';

/** A planned device buffer, or a part of one: kernels that need more room raise `bytes` before the buffers are made. */
export interface BufferPlan {
  readonly label: string;
  /** Bytes for one network. */
  bytes: number;
  /** Number of networks that compute together, whose numbers are in it one behind the other; one by default. */
  readonly networks?: number;
  readonly within?: { readonly buffer: BufferPlan; readonly byteOffset: number };
}

/** The buffer of a part, or the buffer itself. */
export function wholeOf(buffer: BufferPlan): BufferPlan {
  return buffer.within?.buffer ?? buffer;
}

export function networksOf(buffer: BufferPlan): number {
  return wholeOf(buffer).networks ?? 1;
}

/** Alignment in bytes of a binding's start, sufficient for every device. */
export const offsetAlignment = 256;

/** Bytes from the beginning of a network in a buffer to that of the next one. */
export function strideOf({ bytes }: BufferPlan): number {
  return Math.ceil(bytes / offsetAlignment) * offsetAlignment;
}

/** The words in front of the parameters of a kernel for several networks: elements of its variables from one to the next. */
export function stridesOf({ bindings }: KernelCall): number[] {
  const isShared = bindings.some(({ buffer }) => networksOf(buffer) > 1);
  return isShared ? bindings.map(({ buffer, elementBytes }) => strideOf(wholeOf(buffer)) / elementBytes) : [];
}

/** The storages that a call binds. */
export function boundBuffers({ bindings, words, parameterStride }: KernelCall): number {
  return bindings.length + (words.length > 0 ? 1 : 0) + (parameterStride > 0 ? 1 : 0);
}

interface KernelBinding {
  readonly buffer: BufferPlan;
  readonly writes: boolean;
  /** Bytes of an element of its variable. */
  readonly elementBytes: number;
}

/** Elements of a buffer that a kernel reads or writes. */
export interface BufferAccess {
  readonly buffer: BufferPlan;
  readonly begin: number;
  readonly end: number;
  readonly writes: boolean;
}

export interface KernelCall {
  readonly label: string;
  readonly code: string;
  readonly bindings: readonly KernelBinding[];
  /** Its accesses to the bound buffers. */
  readonly accesses: readonly BufferAccess[];
  /**
   * Contents of the uniform at binding 0, if there is one. In front there are as many zeros as bindings if several networks
   * compute together, for the elements from one to the next.
   */
  readonly parameters: readonly number[];
  /**
   * Words from the parameters of one network to those of the next, where networks have parameters of their own: they are in
   * a storage then (`ownParameters.ts`). Zero if all have the same.
   */
  readonly parameterStride: number;
  /**
   * Contents of a storage behind the other bindings: a table of words that is too long for a uniform; empty for none.
   */
  readonly words: readonly number[];
  readonly workgroups: readonly [number, number, number];
  /** The sums that the call adds up, if it does nothing else; such calls may be joined (`joinedSums.ts`). */
  readonly sums?: readonly PartialSums[];
  /** The products of linear layers that the call computes; such calls may be joined (`kernels/linear.ts`). */
  readonly products?: readonly ProductOn[];
  /** The same call with more workgroups, which add up these tables; for calls that have room for that. */
  readonly beside?: (tables: readonly PartialSums[]) => KernelCall;
}

/** A table of partial sums, with the columns of one result after those of another. */
export interface PartialSums {
  readonly partials: BufferPlan;
  /** First element of the first row. */
  readonly start: number;
  readonly rows: number;
  readonly results: readonly Tensor[];
}

/** The places of tensors, and scratch memory for the kernels of one operation. */
export interface Placement {
  place(tensor: Tensor): { readonly buffer: BufferPlan; readonly offset: number; readonly format: Format };
  /** Memory for `length` numbers that outlives the next few operations, in none of the buffers of which parts are kept. */
  scratch(length: number, kept?: readonly BufferPlan[]): BufferPlan;
  /** The use of the device's matrix units; null without any. */
  readonly matrixUnits: MatrixUnits | null;
  /** Most storage buffers of a kernel. */
  readonly mostBuffers: number;
  /** The tile for a product of this name: the first candidate, or the tuned one. */
  tile<T>(key: string, candidates: readonly T[]): T;
}

export interface MatrixUnits {
  /**
   * Operands of products: rounded to float16's 11 bits (as in TF32), or each split into two such halves, which keeps
   * about 21 bits for three products instead of one.
   */
  readonly precision: 'float16' | 'float16x2';
  /** True if results of convolutions and gradients are also stored in float16 between layers. */
  readonly roundsResults?: true;
  readonly workgroupBytes: number;
  readonly kernels: typeof import('./kernels/matrixKernels.js');
}

export type Access = 'read' | 'write';

/** A requested operand: a tensor or scratch memory, read or written, four numbers at a time if possible. */
export interface OperandRequest {
  readonly buffer: BufferPlan;
  readonly offset: number;
  readonly format: Format;
  /** Number of elements from the offset. */
  readonly length: number;
  readonly writes: boolean;
}

/** Neighbours that a product takes from an operand at once. */
export interface Run {
  readonly width: 4 | 8;
  /** The WGSL type in which they are fetched: numbers, or eight float16 or codes as they are kept. */
  readonly type: 'vec4f' | 'vec4i' | 'vec4u';
  /** WGSL for a run, from element width·index on. */
  load(index: string): string;
  /** WGSL for the fours of a fetched run as float16; null where they are no float16 yet. */
  readonly halves: ((run: string) => readonly [string, string]) | null;
}

/** WGSL expressions and statements on an operand; indices are WGSL expressions of type u32. */
export interface Operand {
  readonly run: Run;
  load(index: string): string;
  store(index: string, value: string): string;
  /** Four numbers from element 4·index. */
  load4(index: string): string;
  store4(index: string, value: string): string;
}

export interface KernelSource<Names extends string> {
  readonly operands: Readonly<Record<Names, Operand>>;
  /** A number that may differ between calls of the same source, as a WGSL expression of type u32. */
  parameter(value: number): string;
  /** The same of a float: a setting of the training, in which networks that compute together may differ. */
  number(value: number): string;
  /**
   * A table of words. Declares `word(i)`, which loads one, and `fourWords(i)`, which loads those from 4·i. At most one
   * a kernel.
   */
  words(values: ArrayLike<number>): string;
  /** @param header directives, which come first in WGSL */
  finish(label: string, workgroups: readonly number[], body: string, header?: string): KernelCall;
}

export function tensorOperand(placement: Placement, tensor: Tensor, access: Access): OperandRequest {
  return { ...placement.place(tensor), length: elementCount(tensor.shape), writes: access === 'write' };
}

/** Tells whether tensors are in one place, in the same format. */
export function isInPlace(a: Tensor, b: Tensor, { place }: Placement): boolean {
  const [from, to] = [place(a), place(b)];
  const isSame = from.buffer === to.buffer && from.offset === to.offset;
  return isSame && JSON.stringify(from.format) === JSON.stringify(to.format);
}

export function bufferOperand(buffer: BufferPlan, access: Access): OperandRequest {
  return { buffer, offset: 0, format: 'float', length: Number.POSITIVE_INFINITY, writes: access === 'write' };
}

/**
 * Begins a kernel on these operands (absent ones are left out). `wide` names the operands that are accessed four
 * numbers at a time; where an offset or a neighbour in the same buffer forbids it, their accessors take single numbers.
 * Those in `octets`, of which eight may be read at a time as float16, come in runs of eight where they are kept in 16 bits.
 */
export function kernelSource<Names extends string>(
  requests: Readonly<Record<Names, OperandRequest | null>>,
  wide: readonly NoInfer<Names>[] = [],
  octets: readonly NoInfer<Names>[] = [],
): KernelSource<Names> {
  const parameters: number[] = [];
  let longTable: readonly number[] = [];
  const parameter = (value: number) => {
    const index = parameters.push(value >>> 0) - 1;
    return `parameters[${index >> 2}u].${'xyzw'[index & 3]}`;
  };
  const variables = new Map<BufferPlan, BoundVariable>();
  const present = (Object.entries(requests) as [Names, OperandRequest | null][]).filter(([, request]) => request);
  for (const [name, request] of present) {
    addToVariable(variables, name, request!, octets.includes(name) ? 8 : wide.includes(name) ? 4 : 1);
  }
  const isShared = [...variables.keys()].some((buffer) => networksOf(buffer) > 1);
  if (isShared) {
    for (const variable of variables.values()) variable.begin = `network * ${parameter(0)} + `;
  }
  const operands = Object.fromEntries(
    present.map(([name, request]) => {
      const { buffer, format, offset } = request!;
      return [name, operandAccess(variables.get(buffer)!, format, offset, parameter)];
    }),
  ) as Record<Names, Operand>;
  const accessed = present.map(([name, request]) => ({ format: request!.format, inOctets: octets.includes(name) }));
  return {
    operands,
    parameter,
    number: (value) => `bitcast<f32>(${parameter(wordOf(value))})`,
    words: (values) => {
      if (values.length > longestTable) {
        longTable = Array.from(values);
        return `fn word(i: u32) -> u32 { return words[i]; }
fn fourWords(i: u32) -> vec4u { return vec4u(word(4u * i), word(4u * i + 1u), word(4u * i + 2u), word(4u * i + 3u)); }
`;
      }
      while (parameters.length % 4 !== 0) parameters.push(0);
      const start = parameters.length / 4;
      for (let i = 0; i < values.length; i++) parameters.push(values[i]!);
      if (values.length === 0) parameters.push(0);
      return `fn fourWords(i: u32) -> vec4u { return parameters[i + ${start}u]; }
fn word(i: u32) -> u32 { return parameters[(i >> 2u) + ${start}u][i & 3u]; }
`;
    },
    finish: (label, workgroups, body, header = '') => {
      const list = [...variables.values()];
      const [x = 1, y = 1, z = 1] = workgroups;
      const functions = accessFunctions(accessed, header.includes('enable f16;'));
      return {
        label,
        code: `${header}${declarations(list, parameters.length, longTable.length > 0)}${functions}${isShared ? forNetworks(body, z) : body}`,
        bindings: list.map(({ buffer, writes, element }) => ({ buffer, writes, elementBytes: elementBytes[element] })),
        accesses: present.map(([, request]) => {
          const { buffer, offset, length, writes } = request!;
          return { buffer, begin: offset, end: offset + length, writes };
        }),
        parameters,
        parameterStride: 0,
        words: longTable,
        workgroups: [x, y, z],
      };
    },
  };
}

interface BoundVariable extends Variable {
  begin: string;
  readonly buffer: BufferPlan;
  readonly writes: boolean;
  /** Type of its elements if it is accessed one by one. */
  readonly single: Variable['element'];
}

function addToVariable(
  variables: Map<BufferPlan, BoundVariable>,
  name: string,
  { buffer, offset, format, writes }: OperandRequest,
  width: 1 | 4 | 8,
): void {
  const single = elementOf(format, 1);
  const element = elementOf(format, offset % 4 === 0 ? width : 1);
  const known = variables.get(buffer) ?? { name: `${name}_`, begin: '', buffer, element, single, writes };
  if (known.single !== single) throw new Error(`${buffer.label} holds numbers of two types`);
  const agreed = known.element === element ? element : single;
  variables.set(buffer, { ...known, element: agreed, writes: known.writes || writes });
}

/**
 * The most words of a table in the uniform, which is faster than a storage: WebGPU guarantees uniforms of 16 384 words,
 * of which other parameters need some.
 */
const longestTable = 15_360;

function declarations(variables: readonly BoundVariable[], parameterCount: number, hasWords: boolean): string {
  const uniform =
    parameterCount > 0
      ? `@group(0) @binding(0) var<uniform> parameters: array<vec4u, ${Math.ceil(parameterCount / 4)}>;\n`
      : '';
  const lines = variables.map(
    ({ name, element, writes }, index) =>
      `@group(0) @binding(${index + 1}) var<storage, ${writes ? 'read_write' : 'read'}> ${name}: array<${element}>;\n`,
  );
  const words = hasWords ? `@group(0) @binding(${variables.length + 1}) var<storage, read> words: array<u32>;\n` : '';
  return uniform + lines.join('') + words;
}

/** Most workgroups along one dimension that WebGPU guarantees. */
export const longestDispatch = 65_535;

/** Workgroups of `size` invocations for `count` elements, folded into two dimensions if one is too short. */
export function linearDispatch(count: number, size = workgroupSize): [number, number] {
  const workgroups = Math.ceil(count / size);
  if (workgroups <= longestDispatch) return [workgroups, 1];
  const rows = Math.ceil(workgroups / longestDispatch);
  return [Math.ceil(workgroups / rows), rows];
}

/** Invocations of an element-wise kernel's workgroup. */
export const workgroupSize = 256;

/** WGSL with a branch for each part of an index: so many values of it are the part's, from `begin` on. */
export function branches(
  index: string,
  sizes: readonly number[],
  code: (part: number, begin: number) => string,
): string {
  let end = 0;
  return sizes
    .map((size, part) => {
      const begin = end;
      end += size;
      return `if (${index} < ${end}u) {
    ${code(part, begin)}
  }`;
    })
    .join(' else ');
}

/** An entry point that runs `body` for i = 0 … count − 1. */
export function elementwiseMain(count: number, body: string, prologue = ''): string {
  return `@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * ${workgroupSize}u + id.x;
  if (i >= ${count}u) { return; }
  ${prologue}
  ${body}
}
`;
}

/** The bits of a float. */
function wordOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

/** A float constant in WGSL, with all its digits. */
export function float(value: number): string {
  const text = Math.fround(value).toString();
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}
