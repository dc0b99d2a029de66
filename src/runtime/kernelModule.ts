/** The kernels as WebAssembly, the fastest that compute correctly on this machine. */

import { relaxedKernels, simdKernels } from './kernelBytes.js';

/** Forms of a convolution's inputs and sums, numbered as in the kernels. */
export const convolutionForms = { words: 0, bytes: 1, bytesInWords: 2 } as const;
type ConvolutionForm = (typeof convolutionForms)[keyof typeof convolutionForms];

/** The exports of a module; see `kernels/index.ts`. */
export interface Kernels {
  convolveRow(at: number, row: number, form: ConvolutionForm): void;
  depthwiseRow(at: number, row: number): void;
  wideRow(at: number, row: number, depthwise: boolean): void;
  requantizeRow(at: number, row: number): void;
  requantizeWideRow(at: number, row: number): void;
  maxPool(
    input: number,
    inputRow: number,
    height: number,
    width: number,
    channels: number,
    bytes: number,
    rows: number,
    strideDown: number,
    top: number,
    dilationDown: number,
    columns: number,
    strideAcross: number,
    left: number,
    dilationAcross: number,
    out: number,
    outRow: number,
    outHeight: number,
    outWidth: number,
    outBytes: number,
  ): void;
  moveChannel(
    from: number,
    fromRow: number,
    fromPixel: number,
    fromBytes: number,
    to: number,
    toRow: number,
    toPixel: number,
    toBytes: number,
    height: number,
    width: number,
    shift: number,
  ): void;
  dotTest(w: number, x: number, to: number): void;
}

export type KernelKind = 'relaxed' | 'simd';

const modules: Readonly<Record<KernelKind, string>> = { relaxed: relaxedKernels, simd: simdKernels };

/** The kinds of kernels that are right on this machine, the fastest first; none without WebAssembly or its SIMD. */
export function usableKinds(): KernelKind[] {
  if (typeof WebAssembly === 'undefined') return [];
  return (['relaxed', 'simd'] as const).filter((kind) => {
    return WebAssembly.validate(bytesOf(modules[kind])) && (kind === 'simd' || dotsAreRight(kind));
  });
}

export function instantiate(kind: KernelKind, memory: WebAssembly.Memory): Kernels {
  const module = new WebAssembly.Module(bytesOf(modules[kind]));
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}

/** Tells whether relaxed dot products are sums of products: the first compiler of Node 20 gives twice the sum. */
function dotsAreRight(kind: KernelKind): boolean {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const kernels = instantiate(kind, memory);
  const [w, x, sums] = [0, 16, 32];
  const weights = new Int8Array(memory.buffer, w, 16).map((_, i) => (i % 2 ? -127 : 127 - i));
  const inputs = new Uint8Array(memory.buffer, x, 16).map((_, i) => 127 - 5 * i);
  new Int8Array(memory.buffer, w, 16).set(weights);
  new Uint8Array(memory.buffer, x, 16).set(inputs);
  kernels.dotTest(w, x, sums);
  return new Int32Array(memory.buffer, sums, 8).every((sum, index) => {
    const lane = index % 4;
    const terms = [0, 1, 2, 3].map((k) => weights[4 * lane + k]! * inputs[4 * lane + k]!);
    return sum === terms.reduce((a, b) => a + b);
  });
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
