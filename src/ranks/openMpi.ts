/** The few calls of Open MPI that ranks need. Its handles are addresses of symbols, which those of other MPIs are not. */

import { InputError } from '../errors.js';

type Bytes = Uint8Array | Float32Array | Float64Array;

export interface Mpi {
  readonly rank: number;
  readonly size: number;
  /** Sends the r-th `count` bytes of `own` to rank r, and receives those of rank r as the r-th of `all`. */
  alltoall(own: Bytes, all: Bytes, count: number): void;
  /** Sends `count` bytes to all ranks, and receives theirs in their order. */
  allgather(own: Bytes, all: Bytes, count: number): void;
  finalize(): void;
}

/** The library's names in Open MPI 4 and 5; the development package names it without a number. */
const libraryNames = ['libmpi.so.40', 'libmpi.so', 'libmpi.40.dylib', 'libmpi.dylib'];

type Koffi = Pick<typeof import('koffi'), 'load'>;

/** Begins MPI in this process. Throws an `InputError` if the library is not there or is not Open MPI. */
export function openMpi(koffi: Koffi): Mpi {
  const library = load(koffi);
  const nameOf = library.func('int MPI_Get_library_version(_Out_ char *name, _Out_ int *length)');
  const name = Buffer.alloc(8192);
  nameOf(name, [0]);
  if (!name.toString('latin1').startsWith('Open MPI')) {
    throw new InputError(`${name.toString('latin1').split('\0')[0]}: only Open MPI works (Debian: openmpi-bin)`);
  }
  checked('MPI_Init', library.func('int MPI_Init(void *count, void *words)')(null, null));
  const world = library.symbol('ompi_mpi_comm_world');
  const byte = library.symbol('ompi_mpi_byte');
  const number = (call: string): number => {
    const result = [0];
    checked(call, library.func(`int ${call}(void *communicator, _Out_ int *result)`)(world, result));
    return result[0]!;
  };
  const exchange = (call: string): Mpi['allgather'] => {
    const words =
      'void *own, int count, void *type, _Out_ void *all, int received, void *typeReceived, void *communicator';
    const run = library.func(`int ${call}(${words})`);
    return (own, all, count) => checked(call, run(own, count, byte, all, count, byte, world));
  };
  const finalize = library.func('int MPI_Finalize()');
  return {
    rank: number('MPI_Comm_rank'),
    size: number('MPI_Comm_size'),
    alltoall: exchange('MPI_Alltoall'),
    allgather: exchange('MPI_Allgather'),
    finalize: () => checked('MPI_Finalize', finalize()),
  };
}

function load(koffi: Koffi): ReturnType<Koffi['load']> {
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
