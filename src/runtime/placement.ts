/** Placement of the runtime's tensors: each has its own place, with a border of zeros as wide as its readers need. */

import type { Window } from '../ops/window.js';
import type { IntegerNetwork, IntegerTensor, Product } from '../ship/integerNetwork.js';
import { convolves, isLast, leastOf, magnitudeOf } from '../ship/integerNetwork.js';
import type { KernelKind } from './kernelModule.js';

export interface Place {
  /** Bytes an element: 1 unsigned, 2 and 4 signed. */
  readonly bytes: 1 | 2 | 4;
  /** Address of the first pixel inside the border. */
  readonly at: number;
  /** Bytes between rows. */
  readonly row: number;
  readonly channels: number;
}

/** Allocates aligned memory. */
export interface Allocator {
  readonly bytes: number;
  allocate(bytes: number): number;
}

/** Pixels that a tile may read beyond the end of a row. */
const tilePixels = 4;
/** Bytes that a step may read beyond the end of a row. */
const stepBytes = 32;

export function createAllocator(): Allocator {
  let bytes = 64;
  return {
    get bytes() {
      return bytes;
    },
    allocate: (size) => {
      const at = bytes;
      bytes = Math.ceil((at + size) / 64) * 64;
      return at;
    },
  };
}

/** The places of all stored tensors of three axes, by name. */
export function placeTensors(network: IntegerNetwork, kind: KernelKind, allocator: Allocator): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const layer of network.layers) {
    if (isLast(layer) || layer.op === 'sumPool' || layer.op === 'subsample') continue;
    const tensor = layer.output;
    const readers = readersOf(network, tensor);
    const most = (of: (window: Window) => number) => Math.max(0, ...readers.map(({ window }) => of(window)));
    const [top, bottom] = [most(({ rows }) => rows.before), most(({ rows }) => rows.after)];
    const [left, right] = [most(({ columns }) => columns.before), most(({ columns }) => columns.after)];
    const [height, width, channels] = tensor.shape as [number, number, number];
    const bytes = elementBytes(tensor, readers, kind);
    const row = (left + width + right) * channels * bytes;
    const stride = Math.max(
      1,
      most(({ columns }) => columns.stride),
    );
    const slack = tilePixels * stride * channels * bytes + stepBytes;
    const begin = allocator.allocate((top + height + bottom) * row + slack);
    places.set(tensor.name, { bytes, at: begin + top * row + left * channels * bytes, row, channels });
  }
  return places;
}

/** Tells whether a product needs the kernel for 32 bits. */
function isWide({ input, weights, factor }: Product): boolean {
  return (
    magnitudeOf(input) > 32767 ||
    (factor && magnitudeOf(factor) > 32767) ||
    weights.values.some((value) => Math.abs(value) > 32767)
  );
}

function readersOf({ layers }: IntegerNetwork, tensor: IntegerTensor): Product[] {
  return layers.flatMap((layer) =>
    convolves(layer) ? layer.products.filter(({ input }) => input.name === tensor.name) : [],
  );
}

function elementBytes(tensor: IntegerTensor, readers: readonly Product[], kind: KernelKind): 1 | 2 | 4 {
  if (magnitudeOf(tensor) > 32767 || readers.some(isWide)) return 4;
  const isSmall = leastOf(tensor.grid) >= 0 && magnitudeOf(tensor) <= 127;
  const readsBytes = ({ depthwise, weights }: Product) =>
    !depthwise && weights.values.every((value) => Math.abs(value) <= 127);
  return kind === 'relaxed' && isSmall && readers.every(readsBytes) ? 1 : 2;
}
