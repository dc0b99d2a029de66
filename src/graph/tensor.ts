/**
 * Tensors: typed values with static shapes that flow between the operations of a graph.
 *
 * A tensor either lives in a *storage* (a named vector that outlives a step: parameters, gradients, the dataset …), as a
 * view at an offset, or it is transient and gets its memory from the memory plan. Activations are NHWC, convolution
 * weights HWIO, matrices (in, out); row-major.
 */

import { elementCount } from '../elementCount.js';

export { elementCount };

/** Type of elements. `float` is float64 on the reference engine, float32 on all others. */
export type DType = 'float' | 'int32' | 'uint8';

export type Shape = readonly number[];

/** A named vector that keeps its contents between steps; the host may read and write it. */
export interface Storage {
  readonly name: string;
  readonly dtype: DType;
  readonly length: number;
}

/** A storage and an offset in elements, at which a tensor begins. */
export interface StorageView {
  readonly storage: Storage;
  readonly offset: number;
}

export interface Tensor {
  readonly id: number;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Null for transient tensors. Set at most once, before the plan is made. */
  view: StorageView | null;
}

/** Elements between places at which a tensor begins in a storage, for engines that load whole vectors. */
const alignment = 16;

/** The first place from this one on in a storage at which a tensor begins. */
export function alignedPlace(place: number): number {
  return Math.ceil(place / alignment) * alignment;
}

/** Tells whether two tensors are views that have elements of a storage in common. */
export function overlap(a: Tensor, b: Tensor): boolean {
  if (!a.view || a.view.storage !== b.view?.storage) return false;
  const end = (tensor: Tensor) => tensor.view!.offset + elementCount(tensor.shape);
  return a.view.offset < end(b) && b.view.offset < end(a);
}

/** The size of an axis. Throws if the shape has fewer axes, a fault of the program. */
export function dimension(tensor: Tensor, axis: number): number {
  const size = tensor.shape[axis];
  if (size === undefined) throw new Error(`tensor ${tensor.name} of shape [${tensor.shape}] has no axis ${axis}`);
  return size;
}

/** The size of the last axis: channels of an image, features, classes. */
export function channelsOf(tensor: Tensor): number {
  return dimension(tensor, tensor.shape.length - 1);
}

/** The sizes of an NHWC tensor. */
export function nhwc(tensor: Tensor): [batch: number, height: number, width: number, channels: number] {
  if (tensor.shape.length !== 4) throw new Error(`tensor ${tensor.name} of shape [${tensor.shape}] is not NHWC`);
  return [dimension(tensor, 0), dimension(tensor, 1), dimension(tensor, 2), dimension(tensor, 3)];
}
