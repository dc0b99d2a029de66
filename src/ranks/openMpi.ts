/** The few calls of Open MPI that ranks need. Its handles are addresses of symbols, which those of other MPIs are not. */

import type { HostVector } from '../engine/engine.js';
import { InputError } from '../errors.js';
import type { FloatVector } from '../program/treeSum.js';
import type { Summer, VectorWork } from './sharedMean.js';

type Bytes = Uint8Array | HostVector;

export interface Mpi extends Summer {
  /** Sends the r-th `count` bytes of `own` to rank r, and receives those of rank r as the r-th of `all`. */
  alltoall(own: Bytes, all: Bytes, count: number): void;
  /** Sends `count` bytes to all ranks, and receives theirs in their order. */
  allgather(own: Bytes, all: Bytes, count: number): void;
  /**
   * Bytes that all ranks see, zero at first; all of them ask for equally many at the same time. `null` where ranks are on
   * several machines.
   */
  readonly sharedMemory: ((bytes: number) => SharedMemory) | null;
  finalize(): void;
}

/** Memory that all ranks of a machine see, each at an address of its own. */
export interface SharedMemory {
  readonly address: bigint;
  readonly bytes: number;
}

/** The library's names in Open MPI 4 and 5; the development package names it without a number. */
const libraryNames = ['libmpi.so.40', 'libmpi.so', 'libmpi.40.dylib', 'libmpi.dylib'];

type Koffi = Pick<typeof import('koffi'), 'load'>;
type Library = ReturnType<Koffi['load']>;

/** MPI_COMM_TYPE_SHARED: processes that may share memory. */
const OF_ONE_MACHINE = 0;

/** MPI_THREAD_MULTIPLE: threads may call MPI at the same time. */
const ANY_THREAD = 3;

/**
 * Begins MPI in this process.
 *
 * @throws InputError if the library is not there or is not Open MPI
 */
export function openMpi(koffi: Koffi): Mpi {
  const library = load(koffi);
  const nameOf = library.func('int MPI_Get_library_version(_Out_ char *name, _Out_ int *length)');
  const name = Buffer.alloc(8192);
  nameOf(name, [0]);
  if (!name.toString('latin1').startsWith('Open MPI')) {
    throw new InputError(`${name.toString('latin1').split('\0')[0]}: only Open MPI works (Debian: openmpi-bin)`);
  }
  begin(library);
  const world = library.symbol('ompi_mpi_comm_world');
  const byte = library.symbol('ompi_mpi_byte');
  const number = (call: string, communicator: unknown): number => {
    const result = [0];
    checked(call, library.func(`int ${call}(void *communicator, _Out_ int *result)`)(communicator, result));
    return result[0]!;
  };
  const exchange = (call: string): Mpi['allgather'] => {
    const words =
      'void *own, int count, void *type, _Out_ void *all, int received, void *typeReceived, void *communicator';
    const run = library.func(`int ${call}(${words})`);
    return (own, all, count) => checked(call, run(own, count, byte, all, count, byte, world));
  };
  const finalize = library.func('int MPI_Finalize()');
  const [rank, size] = [number('MPI_Comm_rank', world), number('MPI_Comm_size', world)];
  const allgather = exchange('MPI_Allgather');
  const here = ranksHere(library, world, rank);
  return {
    ...summerOf(library, { rank, size }),
    alltoall: exchange('MPI_Alltoall'),
    allgather,
    sharedMemory:
      number('MPI_Comm_size', here) < size
        ? null
        : (bytes) => sharedMemory(library, here, bytes, { rank, size, allgather }),
    finalize: () => checked('MPI_Finalize', finalize()),
  };
}

/** Begins MPI such that any thread may call it: those of the pool add vectors. */
function begin(library: Library): void {
  const init = library.func('int MPI_Init_thread(void *count, void *words, int wanted, _Out_ int *granted)');
  const granted = [0];
  checked('MPI_Init_thread', init(null, null, ANY_THREAD, granted));
  if (granted[0]! < ANY_THREAD) throw new InputError('this Open MPI was built without threads (MPI_THREAD_MULTIPLE)');
}

/** This rank in another thread of a process that has begun MPI. */
export function openSummer(koffi: Koffi, rank: Pick<Summer, 'rank' | 'size'>): Summer {
  return summerOf(load(koffi), rank);
}

function summerOf(library: Library, { rank, size }: Pick<Summer, 'rank' | 'size'>): Summer {
  const yieldCore = library.func('int sched_yield()');
  return { rank, size, yieldCore, ...vectorWork(library) };
}

/**
 * MPI's operations on two vectors are loops of vector instructions, five times as fast as those of JavaScript; which
 * vectors are added is not its choice.
 */
function vectorWork(library: Library): VectorWork {
  const memcpy = library.func('void *memcpy(void *into, void *from, size_t bytes)');
  const reduce = library.func('int MPI_Reduce_local(void *other, void *into, int count, void *type, void *operation)');
  const [float, double, sum, product] = ['float', 'double', 'op_sum', 'op_prod'].map((name) =>
    library.symbol(`ompi_mpi_${name}`),
  );
  const combine = (operation: unknown, into: FloatVector, other: FloatVector): void => {
    const type = into instanceof Float64Array ? double : float;
    checked('MPI_Reduce_local', reduce(other, into, into.length, type, operation));
  };
  const factors = keptFactors();
  return {
    copy: (into, from, bytes) => memcpy(into, from, bytes),
    add: (into, other) => combine(sum, into, other),
    scale: (vector, factor) => combine(product, vector, factors(vector, factor)),
  };
}

/** Vectors that hold one number everywhere, of the type and length of another, kept by type and number. */
function keptFactors(): (like: FloatVector, factor: number) => FloatVector {
  const kept = new Map<string, FloatVector>();
  return (like, factor) => {
    const Floats = like instanceof Float64Array ? Float64Array : Float32Array;
    const key = `${Floats.name} ${factor}`;
    const known = kept.get(key);
    const factors = known && known.length >= like.length ? known : new Floats(like.length).fill(factor);
    kept.set(key, factors);
    return factors;
  };
}

/** The communicator of the ranks on this machine. */
function ranksHere(library: Library, world: unknown, rank: number): unknown {
  const split = library.func(
    'int MPI_Comm_split_type(void *communicator, int type, int key, void *hints, _Out_ void **result)',
  );
  const result = [null];
  checked('MPI_Comm_split_type', split(world, OF_ONE_MACHINE, rank, library.symbol('ompi_mpi_info_null'), result));
  return result[0];
}

/** All of the memory is the first rank's. */
function sharedMemory(
  library: Library,
  communicator: unknown,
  bytes: number,
  { rank, size, allgather }: Pick<Mpi, 'rank' | 'size' | 'allgather'>,
): SharedMemory {
  const allocate = library.func(
    'int MPI_Win_allocate_shared(int64_t bytes, int unit, void *hints, void *communicator, _Out_ void **own, _Out_ void **window)',
  );
  const query = library.func(
    'int MPI_Win_shared_query(void *window, int rank, _Out_ int64_t *bytes, _Out_ int *unit, _Out_ void **memory)',
  );
  const [window, memory] = [[null], [0n]];
  const noHints = library.symbol('ompi_mpi_info_null');
  checked('MPI_Win_allocate_shared', allocate(rank === 0 ? bytes : 0, 1, noHints, communicator, [null], window));
  checked('MPI_Win_shared_query', query(window[0], 0, [0], [0], memory));
  if (rank === 0) library.func('void *memset(void *memory, int value, size_t bytes)')(memory[0], 0, bytes);
  // Behind it, nobody sees what was there before.
  allgather(new Uint8Array(1), new Uint8Array(size), 1);
  return { address: memory[0]!, bytes };
}

function load(koffi: Koffi): Library {
  const faults: string[] = [];
  for (const name of libraryNames) {
    try {
      // Open MPI loads its own parts, which look for its symbols among those of all.
      return koffi.load(name, { global: true });
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  throw new InputError(
    `Open MPI's library was not found (${faults[0]}); install it (Debian: apt-get install openmpi-bin)`,
  );
}

function checked(call: string, code: number): void {
  if (code !== 0) throw new Error(`${call} failed with code ${code}`);
}
