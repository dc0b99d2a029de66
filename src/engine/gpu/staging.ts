/**
 * Transfers of floats between a GPU and the host by buffers that both can access and that are kept: creating a buffer
 * for each transfer costs more than the transfer, and `writeBuffer` copies in the thread that drives the GPU.
 */

import { yieldToEventLoop } from '../../eventLoop.js';
import { lastWrite, type StorageRange } from '../../passes/lastWrite.js';
import type { HostFloats, StoragePart, Transfers } from '../engine.js';
import type { OpenDevice } from './device.js';
import type { Dispatch } from './dispatch.js';
import { roundedCopies } from './roundedCopies.js';
import type { StoragePlace } from './storageAccess.js';

/** Transfers that read a part as the mapped memory itself. */
export interface StagedTransfers extends Transfers {
  dispose(): void;
}

/** The program whose storages are read and written. */
export interface StagedProgram {
  placeOf(storage: string): StoragePlace;
  /** The dispatches of a phase, always the same object. */
  dispatchesOf(phase: string): readonly Dispatch[];
  /** Adds dispatches to a command buffer. */
  encode(encoder: GPUCommandEncoder, dispatches: readonly Dispatch[]): void;
  /** Submits what has been asked for before, so that copies come behind it. */
  settle(): void;
  readonly idleHost: IdleHost | undefined;
}

/** A host that has nothing to do but to ask the device for results. */
export interface IdleHost {
  /** Collects garbage, for which the device would have to wait at another time. */
  collect(): void;
  /** Waits for a moment. */
  rest(): void;
}

export function stagedTransfers({ device, check, explain }: OpenDevice, program: StagedProgram): StagedTransfers {
  const ahead = commandsAhead(device);
  const reads = stagedReads(device, program, ahead.repeated);
  const uploads = stagedUploads(device, program, ahead.repeated);
  return {
    runReading: (phase, parts) => {
      check();
      const results = reads.run(program.dispatchesOf(phase), parts);
      // It takes the host as long as a tenth of a step, in which the device would wait for it at both ends of the next one.
      ahead.encode();
      const awaited = withoutLast(results);
      if (program.idleHost && awaited.length > 0) idleUntil(awaited, program.idleHost);
      return results.flat().map((read) => explain(read));
    },
    place: uploads.place,
    write: (parts) => {
      if (parts.length > 0) uploads.submit(parts);
    },
    writeAndRun: async (parts, phase) => uploads.submit(parts, program.dispatchesOf(phase)),
    dispose: () => {
      reads.dispose();
      uploads.dispose();
    },
  };
}

/** Makes commands that are submitted again and again; each call of the result has new ones, encoded before if there was time. */
type Repeated = (add: (encoder: GPUCommandEncoder) => void) => () => GPUCommandBuffer;

function commandsAhead(device: GPUDevice) {
  const all: (() => void)[] = [];
  const repeated: Repeated = (add) => {
    let ready: GPUCommandBuffer | null = null;
    const encoded = (): GPUCommandBuffer => {
      const encoder = device.createCommandEncoder();
      add(encoder);
      return encoder.finish();
    };
    all.push(() => {
      ready ??= encoded();
    });
    return () => {
      const commands = ready ?? encoded();
      ready = null;
      return commands;
    };
  };
  return {
    repeated,
    /** Encodes all that is not ready, for its next submission. */
    encode: (): void => {
      for (const each of all) each();
    },
  };
}

/** Uploads by a kept buffer for each part, which is mapped again as soon as the device has copied it. */
function stagedUploads(device: GPUDevice, { placeOf, encode, settle }: StagedProgram, repeated: Repeated) {
  const make = (part: StoragePart) => {
    const copies = copiesOf(device, part, placeOf);
    const usage = GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC;
    const staging = device.createBuffer({ label: 'upload', size: copies.bytes, usage, mappedAtCreation: true });
    const copy = repeated((encoder) => copies.write(encoder, staging));
    const finish = copies.finish && repeated(copies.finish);
    return { part, copies, staging, copy, finish, values: Promise.resolve(floatsIn(staging, part)) };
  };
  const known = new Map<StoragePart, ReturnType<typeof make>>();
  const of = (part: StoragePart) => {
    const upload = known.get(part) ?? make(part);
    known.set(part, upload);
    return upload;
  };
  const runs = new Map<readonly Dispatch[], () => GPUCommandBuffer>();
  const runOf = (dispatches: readonly Dispatch[]) => {
    const run = runs.get(dispatches) ?? repeated((encoder) => encode(encoder, dispatches));
    runs.set(dispatches, run);
    return run;
  };
  return {
    place: (part: StoragePart): Promise<HostFloats> => of(part).values,
    /** Submits uploads, and dispatches behind them. */
    submit: (parts: readonly StoragePart[], dispatches?: readonly Dispatch[]): void => {
      settle();
      const uploads = parts.map(of);
      for (const { staging } of uploads) staging.unmap();
      device.queue.submit([
        ...uploads.map(({ copy }) => copy()),
        // Behind all copies, for which the device waits until they are done.
        ...uploads.flatMap(({ finish }) => finish?.() ?? []),
        ...(dispatches ? [runOf(dispatches)()] : []),
      ]);
      for (const upload of uploads) {
        upload.values = mapped(upload.staging, upload.part, GPUMapMode.WRITE);
        // Whoever asks for them next hears of an error.
        upload.values.catch(() => {});
      }
    },
    dispose: () => {
      for (const { staging, copies } of known.values()) {
        staging.destroy();
        copies.dispose();
      }
    },
  };
}

/** Copies between the storages of a part and a buffer that has its ranges one after another. */
export interface PartCopies {
  /** Bytes of that buffer. */
  readonly bytes: number;
  /** Encodes what is computed before the copy of the storages to the buffer, if anything is. */
  prepare?(encoder: GPUCommandEncoder): void;
  /** Encodes the copy of the storages, as prepared, to the buffer. */
  read(encoder: GPUCommandEncoder, staging: GPUBuffer): void;
  /** Encodes the copy of the buffer to the storages. */
  write(encoder: GPUCommandEncoder, staging: GPUBuffer): void;
  /** Encodes what is computed behind that copy, if anything is. */
  finish?(encoder: GPUCommandEncoder): void;
  dispose(): void;
}

function copiesOf(device: GPUDevice, part: StoragePart, placeOf: (storage: string) => StoragePlace): PartCopies {
  return part.isRounded ? roundedCopies(device, part, placeOf) : floatCopies(part, placeOf);
}

function floatCopies({ ranges }: StoragePart, placeOf: (storage: string) => StoragePlace): PartCopies {
  let end = 0;
  const places = ranges.map(({ storage, offset, length }) => {
    const at = end;
    end += 4 * length;
    const { buffer, begin } = placeOf(storage);
    return { buffer, from: begin + 4 * offset, at, bytes: 4 * length };
  });
  return {
    bytes: end,
    read: (encoder, staging) => {
      for (const { buffer, from, at, bytes } of places) encoder.copyBufferToBuffer(buffer, from, staging, at, bytes);
    },
    write: (encoder, staging) => {
      for (const { buffer, from, at, bytes } of places) encoder.copyBufferToBuffer(staging, at, buffer, from, bytes);
    },
    dispose: () => {},
  };
}

/**
 * Dispatches of the first command buffer of a run whose results are read; each of the later ones has twice as many as the one
 * before, up to the next read: a device that has waited for the host begins while the host submits the rest.
 */
const FIRST_DISPATCHES = 8;

function stagedReads(device: GPUDevice, { placeOf, encode, settle }: StagedProgram, repeated: Repeated) {
  const withStaging = ({ part, end }: PlannedRead) => {
    const copies = copiesOf(device, part, placeOf);
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return { part, end, copies, staging: device.createBuffer({ label: 'staged read', size: copies.bytes, usage }) };
  };
  type StagedRead = ReturnType<typeof withStaging>;
  const withCommands = ({ dispatches, reads }: Chunk<StagedRead>) => {
    const commands = repeated((encoder) => {
      if (dispatches.length > 0) encode(encoder, dispatches);
      // All before the first copy, for which the device waits until they are done.
      for (const { copies } of reads) copies.prepare?.(encoder);
      for (const { copies, staging } of reads) copies.read(encoder, staging);
    });
    return { reads, commands };
  };
  const planned = (dispatches: readonly Dispatch[], parts: readonly StoragePart[]) =>
    chunksOf(dispatches, readPlans(dispatches, parts).map(withStaging)).map(withCommands);
  /** Runs by dispatches and parts, whose objects the callers keep. */
  const plans = new Map<readonly Dispatch[], Map<readonly StoragePart[], ReturnType<typeof planned>>>();
  const planOf = (dispatches: readonly Dispatch[], parts: readonly StoragePart[]) => {
    const known = plans.get(dispatches) ?? new Map<readonly StoragePart[], ReturnType<typeof planned>>();
    plans.set(dispatches, known);
    const plan = known.get(parts) ?? planned(dispatches, parts);
    known.set(parts, plan);
    return plan;
  };
  return {
    /** Submits dispatches, each read behind those that write its part. Returns the reads of each command buffer. */
    run: (dispatches: readonly Dispatch[], parts: readonly StoragePart[]): readonly Promise<HostFloats>[][] => {
      settle();
      return planOf(dispatches, parts).map(({ reads, commands }) => {
        for (const { staging } of reads) if (staging.mapState !== 'unmapped') staging.unmap();
        device.queue.submit([commands()]);
        return reads.map(({ staging, part }) => mapped(staging, part, GPUMapMode.READ));
      });
    },
    dispose: () => {
      const chunks = [...plans.values()].flatMap((known) => [...known.values()].flat());
      for (const { staging, copies } of chunks.flatMap(({ reads }) => reads)) {
        staging.destroy();
        copies.dispose();
      }
    },
  };
}

/** Dispatches of one command buffer, and the reads behind them. */
interface Chunk<Read> {
  readonly dispatches: readonly Dispatch[];
  readonly reads: readonly Read[];
}

function chunksOf<Read extends PlannedRead>(dispatches: readonly Dispatch[], reads: readonly Read[]): Chunk<Read>[] {
  const chunks: Chunk<Read>[] = [];
  let begin = 0;
  let most = FIRST_DISPATCHES;
  for (const end of new Set([...reads.map((read) => read.end), dispatches.length])) {
    for (; end - begin > most; most *= 2) {
      chunks.push({ dispatches: dispatches.slice(begin, begin + most), reads: [] });
      begin += most;
    }
    chunks.push({ dispatches: dispatches.slice(begin, end), reads: reads.filter((read) => read.end === end) });
    begin = end;
  }
  return chunks;
}

/** All but what is read at last, which the host awaits without a rest: for a moment, in which little becomes garbage. */
function withoutLast<T>(reads: readonly (readonly T[])[]): readonly T[] {
  const last = reads.findLastIndex((each) => each.length > 0);
  return reads.slice(0, last).flat();
}

/** Collects garbage once, and rests in each turn of the event loop until all of it is done. */
async function idleUntil(work: readonly Promise<unknown>[], { collect, rest }: IdleHost): Promise<void> {
  collect();
  let isDone = false;
  Promise.allSettled(work).then(() => {
    isDone = true;
  });
  while (!isDone) {
    rest();
    await yieldToEventLoop();
  }
}

interface PlannedRead {
  readonly part: StoragePart;
  /** Number of dispatches after which it is written. */
  readonly end: number;
}

function readPlans(dispatches: readonly Dispatch[], parts: readonly StoragePart[]): readonly PlannedRead[] {
  const nodes = dispatches.flatMap((dispatch) => dispatch.nodes);
  const endOf = (range: StorageRange) => {
    const last = nodes[lastWrite(nodes, range)];
    return last ? dispatches.findLastIndex((dispatch) => dispatch.nodes.includes(last)) + 1 : 0;
  };
  let end = 0;
  return parts.map((part) => {
    end = Math.max(end, ...part.ranges.map(endOf));
    return { part, end };
  });
}

async function mapped(staging: GPUBuffer, part: StoragePart, mode: GPUMapModeFlags): Promise<HostFloats> {
  await staging.mapAsync(mode);
  return floatsIn(staging, part);
}

function floatsIn(staging: GPUBuffer, { isRounded }: StoragePart): HostFloats {
  const Vector = isRounded ? Int32Array : Float32Array;
  return {
    bytes: staging.size,
    // A range is a multiple of 8 bytes, or all of them.
    array: (count = staging.size / 4) =>
      new Vector(staging.getMappedRange(0, Math.min(8 * Math.ceil(count / 2), staging.size)), 0, count),
  };
}
