/**
 * Transfers of floats between a GPU and the host by buffers that both can access and that are kept: creating a buffer
 * for each transfer costs more than the transfer, and `writeBuffer` copies in the thread that drives the GPU.
 */

import { yieldToEventLoop } from '../../eventLoop.js';
import { lastWrite } from '../../passes/lastWrite.js';
import type { HostFloats, StoragePart, Upload } from '../engine.js';
import type { Dispatch } from './gpuProgram.js';

export interface Uploads {
  of(part: StoragePart): Upload;
  dispose(): void;
}

/** Uploads by a kept buffer for each part, which is mapped again as soon as the device has copied it. */
export function stagedUploads(device: GPUDevice, bufferOf: (storage: string) => GPUBuffer): Uploads {
  const known = new Map<StoragePart, { readonly staging: GPUBuffer; readonly upload: Upload }>();
  const make = (part: StoragePart) => {
    const usage = GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC;
    const staging = device.createBuffer({ label: 'upload', size: bytesOf(part), usage, mappedAtCreation: true });
    let values: Upload['values'] = Promise.resolve(floatsIn(staging));
    const write = (): void => {
      staging.unmap();
      const encoder = device.createCommandEncoder();
      for (const { storage, offset, at, bytes } of placesOf(part)) {
        encoder.copyBufferToBuffer(staging, at, bufferOf(storage), offset, bytes);
      }
      device.queue.submit([encoder.finish()]);
      values = mapped(staging, GPUMapMode.WRITE);
      // Whoever asks for them next hears of an error.
      values.catch(() => {});
    };
    const upload = {
      get values() {
        return values;
      },
      write,
    };
    return { staging, upload };
  };
  return {
    of: (part) => {
      const found = known.get(part) ?? make(part);
      known.set(part, found);
      return found.upload;
    },
    dispose: () => {
      for (const { staging } of known.values()) staging.destroy();
    },
  };
}

function bytesOf(part: StoragePart): number {
  return part.reduce((sum, { length }) => sum + 4 * length, 0);
}

/** The ranges of a part in bytes, and where they are in a buffer that has them one after another. */
function placesOf(part: StoragePart) {
  let end = 0;
  return part.map(({ storage, offset, length }) => {
    const at = end;
    end += 4 * length;
    return { storage, offset: 4 * offset, at, bytes: 4 * length };
  });
}

/**
 * Dispatches of the first command buffer of a run whose results are read, and of the later ones, each of which has twice as
 * many as the one before: a device that has waited for the host begins while the host encodes the rest, which takes it a
 * millisecond for 200.
 */
const [FIRST_DISPATCHES, MOST_DISPATCHES] = [4, 32];

export interface StagedReads {
  /**
   * Submits the dispatches, each copy of a part behind those that write it. A part is the mapped memory itself, until
   * the next run.
   */
  run(dispatches: readonly Dispatch[], parts: readonly StoragePart[]): readonly Promise<HostFloats>[];
  dispose(): void;
}

/**
 * @param encode adds dispatches to a command buffer
 * @param rest lets the host wait for a moment
 */
export function stagedReads(
  device: GPUDevice,
  bufferOf: (storage: string) => GPUBuffer,
  encode: (encoder: GPUCommandEncoder, dispatches: readonly Dispatch[]) => void,
  rest: (() => void) | undefined,
): StagedReads {
  /** Read plans by dispatches and parts, whose objects the callers keep. */
  const plans = new Map<readonly Dispatch[], Map<readonly StoragePart[], readonly ReadPlan[]>>();
  const planOf = (dispatches: readonly Dispatch[], parts: readonly StoragePart[]): readonly ReadPlan[] => {
    const known = plans.get(dispatches) ?? new Map<readonly StoragePart[], readonly ReadPlan[]>();
    plans.set(dispatches, known);
    const plan = known.get(parts) ?? readPlans(device, dispatches, parts);
    known.set(parts, plan);
    return plan;
  };
  return {
    run: (dispatches, parts) => {
      const plan = planOf(dispatches, parts);
      let begin = 0;
      let most = FIRST_DISPATCHES;
      const submit = (end: number, encodeMore: (encoder: GPUCommandEncoder) => void = () => {}): void => {
        const encoder = device.createCommandEncoder();
        if (begin < end) encode(encoder, dispatches.slice(begin, end));
        encodeMore(encoder);
        device.queue.submit([encoder.finish()]);
        begin = end;
      };
      const reads = plan.map(({ part, end, staging }) => {
        if (staging.mapState !== 'unmapped') staging.unmap();
        while (end - begin > most) {
          submit(begin + most);
          most = Math.min(2 * most, MOST_DISPATCHES);
        }
        submit(end, (encoder) => {
          for (const { storage, offset, at, bytes } of placesOf(part)) {
            encoder.copyBufferToBuffer(bufferOf(storage), offset, staging, at, bytes);
          }
        });
        return mapped(staging, GPUMapMode.READ);
      });
      if (begin < dispatches.length) submit(dispatches.length);
      if (rest) restUntil(reads, rest);
      return reads;
    },
    dispose: () => {
      const staged = [...plans.values()].flatMap((known) => [...known.values()].flat());
      for (const { staging } of staged) staging.destroy();
    },
  };
}

/** Rests in each turn of the event loop until all of it is done. */
async function restUntil(work: readonly Promise<unknown>[], rest: () => void): Promise<void> {
  let isDone = false;
  Promise.allSettled(work).then(() => {
    isDone = true;
  });
  while (!isDone) {
    rest();
    await yieldToEventLoop();
  }
}

interface ReadPlan {
  readonly part: StoragePart;
  /** Number of dispatches after which it is written. */
  readonly end: number;
  readonly staging: GPUBuffer;
}

function readPlans(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  parts: readonly StoragePart[],
): readonly ReadPlan[] {
  const nodes = dispatches.flatMap((dispatch) => dispatch.nodes);
  const endOf = (range: StoragePart[number]) => {
    const last = nodes[lastWrite(nodes, range)];
    return last ? dispatches.findLastIndex((dispatch) => dispatch.nodes.includes(last)) + 1 : 0;
  };
  let end = 0;
  return parts.map((part) => {
    end = Math.max(end, ...part.map(endOf));
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return { part, end, staging: device.createBuffer({ label: 'staged read', size: bytesOf(part), usage }) };
  });
}

async function mapped(staging: GPUBuffer, mode: GPUMapModeFlags): Promise<HostFloats> {
  await staging.mapAsync(mode);
  return floatsIn(staging);
}

function floatsIn(staging: GPUBuffer): HostFloats {
  return {
    bytes: staging.size,
    // A range is a multiple of 8 bytes, or all of them.
    array: (count = staging.size / 4) =>
      new Float32Array(staging.getMappedRange(0, Math.min(8 * Math.ceil(count / 2), staging.size)), 0, count),
  };
}
