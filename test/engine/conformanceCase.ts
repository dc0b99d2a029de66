/**
 * A conformance case: a small plan, what to write before each run, and which storages to compare after it.
 *
 * All operands and results that the test touches are views at an offset into storages of their own. What surrounds an
 * operand is NaN, so that reading beyond it spoils the result; what surrounds a result must stay as it is.
 */

import { Graph, type Plan } from '../../src/graph/index.js';
import { type DType, elementCount, type Shape, type Storage, type Tensor } from '../../src/graph/tensor.js';
import { makePlan } from '../../src/passes/index.js';

export interface Comparison {
  /** Errors are relative to this: by default the largest magnitude of the expected result. */
  readonly scale?: number;
  /** The result must be the expected one rounded to float32. */
  readonly exact?: boolean;
  /** Errors are relative to each element (of the quantizer table, whose rows differ in magnitude). */
  readonly elementwise?: boolean;
}

export interface ComparedView extends Comparison {
  readonly storage: Storage;
  readonly offset: number;
  readonly length: number;
}

/** Storage contents to write, by the name of the input. */
export type Writes = Readonly<Record<string, ArrayLike<number>>>;

export interface Step {
  /** The phase to run, `step` by default. */
  readonly phase?: string;
  readonly writes?: Writes;
}

export interface ConformanceCase {
  readonly name: string;
  readonly plan: Plan;
  /** Written to every storage before the first step. */
  readonly start: ReadonlyMap<string, ArrayLike<number>>;
  readonly steps: readonly Step[];
  readonly compared: readonly ComparedView[];
  /** Offsets of inputs in their storages. */
  readonly offset: number;
}

export interface CaseBuilder {
  readonly graph: Graph;
  /** A further phase; it shares storages with the first, `step`. */
  phase(name: string): Graph;
  /** An operand that the host writes. */
  input(name: string, shape: Shape, values: ArrayLike<number>, dtype?: DType): Tensor;
  /** An operand that is updated in place, and compared. */
  state(name: string, shape: Shape, values: ArrayLike<number>, comparison?: Comparison): Tensor;
  output(name: string, shape: Shape, comparison?: Comparison, dtype?: DType): Tensor;
  transient(name: string, shape: Shape, dtype?: DType): Tensor;
  /** Part of an input, state or output, as packed parameters are. */
  part(whole: Tensor, name: string, offset: number, shape: Shape): Tensor;
  build(name: string, steps?: readonly Step[]): ConformanceCase;
}

/** Elements before and after each view. */
export const guardLength = 4;
/** The filling around results; a number that none of them contains by accident. */
export const guardValue = 77;

export function caseBuilder(): CaseBuilder {
  const ids = { next: 0 };
  const graphs: Record<string, Graph> = { step: new Graph(ids) };
  const graph = graphs.step as Graph;
  const start = new Map<string, ArrayLike<number>>();
  const compared: ComparedView[] = [];

  const view = (name: string, shape: Shape, dtype: DType): Tensor => {
    const storage: Storage = { name, dtype, length: elementCount(shape) + 2 * guardLength };
    return graph.tensor(name, shape, { storage, offset: guardLength });
  };
  const compare = (tensor: Tensor, comparison: Comparison) => {
    const { storage, offset } = tensor.view!;
    compared.push({ storage, offset, length: elementCount(tensor.shape), ...comparison });
  };

  return {
    graph,
    phase: (name) => {
      graphs[name] = new Graph(ids);
      return graphs[name];
    },
    input: (name, shape, values, dtype = 'float') => {
      start.set(name, surrounded(values, dtype === 'float' ? Number.NaN : 0));
      return view(name, shape, dtype);
    },
    state: (name, shape, values, comparison = {}) => {
      const tensor = view(name, shape, 'float');
      start.set(name, surrounded(values, guardValue));
      compare(tensor, comparison);
      return tensor;
    },
    output: (name, shape, comparison = {}, dtype = 'float') => {
      const tensor = view(name, shape, dtype);
      start.set(name, surrounded(new Array<number>(elementCount(shape)).fill(guardValue), guardValue));
      compare(tensor, comparison);
      return tensor;
    },
    transient: (name, shape, dtype = 'float') => graph.tensor(name, shape, null, dtype),
    part: (whole, name, offset, shape) =>
      graph.tensor(name, shape, { storage: whole.view!.storage, offset: whole.view!.offset + offset }),
    build: (name, steps = [{}]) => ({ name, plan: makePlan(graphs), start, steps, compared, offset: guardLength }),
  };
}

function surrounded(values: ArrayLike<number>, guard: number): number[] {
  const guards = new Array<number>(guardLength).fill(guard);
  return [...guards, ...Array.from(values), ...guards];
}
