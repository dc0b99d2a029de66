/** Joins the ranks started by `mpirun` or Slurm, by Open MPI's library. */

import { loadOptional } from '../disk/optionalPackage.js';
import type { HostVector } from '../engine/engine.js';
import { InputError } from '../errors.js';
import { arraysOf, numbersOf } from '../program/hostFloats.js';
import { oneRank, type Ranks } from '../program/ranks.js';
import { treeMean } from '../program/treeSum.js';
import { meanThread } from './meanThread.js';
import { type Mpi, openMpi, type SharedMemory } from './openMpi.js';
import { sharedMean, summingHere } from './sharedMean.js';

/** Threads of a rank that sum long vectors: as many as keep up with a card that hands over gradients. */
const THREADS = 6;

export interface JoinedRanks extends Ranks {
  /** Waits for the others; nothing may be exchanged afterwards. A process that ends without it ends all of them. */
  leave(): void;
}

type Environment = Readonly<NodeJS.ProcessEnv>;

/** Tells whether this is one of several processes that train together, by variables of those that start them. */
export function isRank(env: Environment = process.env): boolean {
  return startedWith(env) > 1;
}

/** The number of processes that were started together: by `mpirun`, or by Slurm as tasks of one step. */
function startedWith({ OMPI_COMM_WORLD_SIZE, PMIX_RANK, SLURM_STEP_NUM_TASKS }: Environment): number {
  return Number(OMPI_COMM_WORLD_SIZE ?? (PMIX_RANK === undefined ? 1 : SLURM_STEP_NUM_TASKS) ?? 1);
}

/**
 * Joins the other ranks, if several have been started.
 *
 * @throws InputError if another MPI has started them, or a number that is no power of two; `MissingPackage` without koffi
 */
export async function joinRanks(env: Environment = process.env): Promise<JoinedRanks> {
  const alone = { ...oneRank, leave: () => {} };
  const started = startedWith(env);
  if (started === 1) {
    if (Number(env.PMI_SIZE ?? 1) === 1) return alone;
    throw new InputError('another MPI than Open MPI has started this: only Open MPI works (Debian: openmpi-bin)');
  }
  if (!Number.isInteger(Math.log2(started))) {
    throw new InputError(`${started} processes: shards are shared by a power of two of processes: 1, 2, 4, …`);
  }
  const { default: koffi } = await loadOptional(
    'koffi',
    'it calls Open MPI, for several processes of one run',
    () => import('koffi'),
  );
  return ranksOf(koffi, openMpi(koffi));
}

/**
 * The exchange between ranks: vectors by shared memory if all of them are on one machine, everything else by calls of
 * MPI. MPI guarantees no order of its sums over ranks, so these are not used.
 */
function ranksOf({ address, view }: Pick<typeof import('koffi'), 'address' | 'view'>, mpi: Mpi): JoinedRanks {
  const { rank, size, allgather, sharedMemory, finalize } = mpi;
  const here = summingHere(({ address, bytes }: SharedMemory) => view(address, bytes), mpi);
  const threads = Array.from({ length: THREADS }, () => meanThread({ rank, size }));
  return {
    rank,
    size,
    mean: sharedMemory ? sharedMean({ size, sharedMemory, here, threads, addressOf: address }) : sentMean(mpi),
    gather: async (bytes) => {
      const all = new Uint8Array(size * bytes.length);
      allgather(bytes, all, bytes.length);
      return Array.from({ length: size }, (_, from) => all.subarray(from * bytes.length, (from + 1) * bytes.length));
    },
    leave: finalize,
  };
}

/** Means by messages: each rank sums one part for all, by the tree over the ranks, and all ranks get all parts. */
function sentMean({ size, alltoall, allgather }: Mpi): Ranks['mean'] {
  const buffers = keptBuffers();
  return async (floats, count, into) => {
    const vector = floats.array();
    const { BYTES_PER_ELEMENT: bytes } = vector;
    const length = Math.ceil(vector.length / size);
    const [own, received, all] = buffers(vector, length * size);
    own.set(vector);
    alltoall(own, received, length * bytes);
    const parts = Array.from({ length: size }, (_, from) => received.subarray(from * length, (from + 1) * length));
    allgather(treeMean(parts, count), all, length * bytes);
    into.array().set(all.subarray(0, vector.length));
  };
}

type Buffers = readonly [own: HostVector, received: HostVector, all: HostVector];

/**
 * Buffers of the type of a vector, reused for the same type and length: allocating memory costs more than its exchange.
 */
function keptBuffers(): (vector: HostVector, length: number) => Buffers {
  const kept = new Map<string, Buffers>();
  return (vector, length) => {
    const Vector = arraysOf[numbersOf(vector)];
    const key = `${Vector.name} ${length}`;
    const buffers = kept.get(key) ?? ([new Vector(length), new Vector(length), new Vector(length)] as const);
    kept.set(key, buffers);
    return buffers;
  };
}
