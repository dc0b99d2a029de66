/**
 * Placement of stored tensors in a device's memory: one arena of bytes in which tensors that are never needed together
 * share their place. Its size is the network's peak of activation memory as counted in training, if such a placement is
 * found.
 *
 * Element-wise operations on the way to memory need no place: a subsampled shortcut is read from its source. The image
 * belongs to the caller.
 */

import { elementCount } from '../elementCount.js';
import { streamBytes } from './bitStream.js';
import { type IntegerLayer, type IntegerNetwork, type IntegerTensor, isLast, storedSource } from './integerNetwork.js';

/** The memory of a network, with a place for each stored tensor. */
export interface Arena {
  readonly bytes: number;
  /** Byte offset of each stored tensor, by name. */
  readonly offsets: ReadonlyMap<string, number>;
}

/** A stored tensor with its lifetime, from the layer that writes it to the last one that reads it. */
interface Stored {
  readonly name: string;
  readonly bytes: number;
  readonly first: number;
  last: number;
}

interface Placed extends Stored {
  readonly offset: number;
}

/** Number of random orders that are tried if the first one leaves gaps. */
const attempts = 200;

/** Gives each stored tensor a place that no tensor alive at the same time has, in as few bytes as it can find. */
export function planArena(network: IntegerNetwork): Arena {
  const stored = storedTensors(network);
  const needed = Math.max(0, ...network.layers.map((_, time) => bytesAt(stored, time)));
  let best = place([...stored].sort((a, b) => b.bytes - a.bytes || a.first - b.first));
  let seed = 1;
  for (let attempt = 0; attempt < attempts && sizeOf(best) > needed; attempt++) {
    const order = stored.map((tensor) => {
      seed = (seed * 48271) % 2147483647;
      return { tensor, key: tensor.bytes * (0.5 + seed / 2147483647) };
    });
    const placed = place(order.sort((a, b) => b.key - a.key).map(({ tensor }) => tensor));
    if (sizeOf(placed) < sizeOf(best)) best = placed;
  }
  return { bytes: sizeOf(best), offsets: new Map(best.map(({ name, offset }) => [name, offset])) };
}

/** Bytes of a tensor in memory. */
export function storedBytes({ shape, bits }: IntegerTensor): number {
  return streamBytes(elementCount(shape), bits);
}

function storedTensors(network: IntegerNetwork): Stored[] {
  const stored = new Map<IntegerTensor, Stored>();
  for (const [time, layer] of network.layers.entries()) {
    for (const read of readsOf(layer)) {
      const source = stored.get(storedSource(network, read).source);
      if (source) source.last = time;
    }
    if (layer.op !== 'input' && layer.op !== 'subsample' && !isLast(layer)) {
      const { output } = layer;
      stored.set(output, { name: output.name, bytes: storedBytes(output), first: time, last: time });
    }
  }
  return [...stored.values()];
}

/** The tensors that a layer reads from memory. */
function readsOf(layer: IntegerLayer): IntegerTensor[] {
  switch (layer.op) {
    case 'input':
    case 'subsample':
      return [];
    case 'convolution':
    case 'outputs':
      return [
        ...layer.products.flatMap(({ input, factor }) => (factor ? [input, factor] : [input])),
        ...(layer.addend ? [layer.addend] : []),
      ];
    case 'arrange':
      return [...layer.inputs];
    case 'maxPool':
    case 'sumPool':
    case 'classifier':
      return [layer.input];
    default:
      return layer satisfies never;
  }
}

function bytesAt(stored: readonly Stored[], time: number): number {
  return stored.reduce((sum, { first, last, bytes }) => sum + (first <= time && time <= last ? bytes : 0), 0);
}

/** Places each at the lowest offset that is free during its lifetime. */
function place(order: readonly Stored[]): Placed[] {
  const placed: Placed[] = [];
  for (const tensor of order) {
    const rivals = placed
      .filter(({ first, last }) => first <= tensor.last && tensor.first <= last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const rival of rivals) {
      if (rival.offset - offset >= tensor.bytes) break;
      offset = Math.max(offset, rival.offset + rival.bytes);
    }
    placed.push({ ...tensor, offset });
  }
  return placed;
}

function sizeOf(placed: readonly Placed[]): number {
  return Math.max(0, ...placed.map(({ offset, bytes }) => offset + bytes));
}
