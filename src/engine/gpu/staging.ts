/**
 * Transfers of floats between a GPU and the host by buffers that both can access and that are kept: creating a buffer
 * for each transfer costs more than the transfer, and `writeBuffer` makes another copy.
 */

import { lastWrite } from '../../passes/lastWrite.js';
import type { StoragePart } from '../engine.js';
import type { Dispatch } from './gpuProgram.js';

/** Bytes of the writes that use kept buffers: smaller ones gain nothing, larger ones happen once. */
const stagedBytes = { least: 2 ** 16, most: 2 ** 24 };

export interface StagedWrites {
  /** Writes at a byte offset, if the write is of a size for kept buffers; returns whether it is. */
  write(buffer: GPUBuffer, offset: number, values: Float32Array): boolean;
  dispose(): void;
}

export function stagedWrites(device: GPUDevice): StagedWrites {
  const all: GPUBuffer[] = [];
  /** Mapped buffers by size. */
  const free = new Map<number, GPUBuffer[]>();
  const freeOf = (size: number): GPUBuffer[] => {
    const found = free.get(size) ?? [];
    free.set(size, found);
    return found;
  };
  const make = (size: number): GPUBuffer => {
    const usage = GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ label: 'staged write', size, usage, mappedAtCreation: true });
    all.push(buffer);
    return buffer;
  };
  return {
    write: (buffer, offset, values) => {
      const { byteLength: size } = values;
      if (size < stagedBytes.least || size > stagedBytes.most) return false;
      const staging = freeOf(size).pop() ?? make(size);
      new Float32Array(staging.getMappedRange()).set(values);
      staging.unmap();
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(staging, 0, buffer, offset, size);
      device.queue.submit([encoder.finish()]);
      // It can be written again when the copy is done. The device reports any error.
      staging.mapAsync(GPUMapMode.WRITE).then(
        () => freeOf(size).push(staging),
        () => {},
      );
      return true;
    },
    dispose: () => {
      for (const buffer of all) buffer.destroy();
    },
  };
}

/**
 * Dispatches of a command buffer whose results are read: a device that has waited for the host begins with the first of
 * them while the host encodes the rest, which takes it a millisecond for 200.
 */
const MOST_DISPATCHES = 32;

export interface StagedReads {
  /**
   * Submits the dispatches, each copy of a part behind those that write it. A part is the mapped memory itself, until
   * the next run.
   */
  run(dispatches: readonly Dispatch[], parts: readonly StoragePart[]): readonly Promise<Float32Array>[];
  dispose(): void;
}

/** @param encode adds dispatches to a command buffer */
export function stagedReads(
  device: GPUDevice,
  bufferOf: (storage: string) => GPUBuffer,
  encode: (encoder: GPUCommandEncoder, dispatches: readonly Dispatch[]) => void,
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
      const submit = (end: number, encodeMore: (encoder: GPUCommandEncoder) => void = () => {}): void => {
        const encoder = device.createCommandEncoder();
        if (begin < end) encode(encoder, dispatches.slice(begin, end));
        encodeMore(encoder);
        device.queue.submit([encoder.finish()]);
        begin = end;
      };
      const reads = plan.map(({ part, end, staging }) => {
        if (staging.mapState !== 'unmapped') staging.unmap();
        while (end - begin > MOST_DISPATCHES) submit(begin + MOST_DISPATCHES);
        submit(end, (encoder) => {
          let at = 0;
          for (const { storage, offset, length } of part) {
            encoder.copyBufferToBuffer(bufferOf(storage), 4 * offset, staging, 4 * at, 4 * length);
            at += length;
          }
        });
        return mapped(staging);
      });
      if (begin < dispatches.length) submit(dispatches.length);
      return reads;
    },
    dispose: () => {
      const staged = [...plans.values()].flatMap((known) => [...known.values()].flat());
      for (const { staging } of staged) staging.destroy();
    },
  };
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
    const size = part.reduce((sum, { length }) => sum + 4 * length, 0);
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return { part, end, staging: device.createBuffer({ label: 'staged read', size, usage }) };
  });
}

async function mapped(staging: GPUBuffer): Promise<Float32Array> {
  await staging.mapAsync(GPUMapMode.READ);
  return new Float32Array(staging.getMappedRange());
}
