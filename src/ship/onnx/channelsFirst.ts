/** An image or a tensor, [H, W, C], in ONNX's order: [C, H, W]. */
export function channelsFirst<T extends Uint8Array | Int32Array>(values: T, channels: number): T {
  const pixels = values.length / channels;
  return values.map((_, index) => values[(index % pixels) * channels + Math.floor(index / pixels)]!) as T;
}
