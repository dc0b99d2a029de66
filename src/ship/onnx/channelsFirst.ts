/** An image or a tensor, [H, W, C] or [C], in ONNX's order [C, H, W]. */
export function channelsFirst<T extends Uint8Array | Int32Array | readonly number[]>(values: T, channels: number): T {
  const pixels = values.length / channels;
  return values.map((_, index) => values[(index % pixels) * channels + Math.floor(index / pixels)]!) as unknown as T;
}
