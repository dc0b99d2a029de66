/** An image, bytes [H, W, C], in ONNX's order: [C, H, W]. */
export function channelsFirst(image: Uint8Array, channels: number): Uint8Array {
  const pixels = image.length / channels;
  return Uint8Array.from(image, (_, index) => image[(index % pixels) * channels + Math.floor(index / pixels)]!);
}
