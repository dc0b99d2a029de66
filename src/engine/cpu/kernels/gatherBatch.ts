/** Fetches the images of a batch, shifted and mirrored as their augmentation words say (`data/augmentation.ts`). */

/**
 * A chunk is one image. Arguments: images, labels, batch table, position, x, y, batch, height, width, channels, then
 * scale and offset of each channel.
 */
export function gatherBatch(args: usize, chunk: i32, worker: i32): void {
  const batch = load<i32>(args, 24);
  const height = load<i32>(args, 28);
  const width = load<i32>(args, 32);
  const channels = load<i32>(args, 36);
  const step = load<i32>(load<usize>(args, 12));
  const entry = load<usize>(args, 8) + ((<usize>step * batch + chunk) << 3);
  const image = load<i32>(entry);
  const word = load<i32>(entry, 4);
  const imageBytes = <usize>height * width * channels;
  const x = load<usize>(args, 16) + <usize>chunk * imageBytes * 4;
  const label = load<usize>(args, 20) + (<usize>chunk << 2);
  if (image < 0) {
    store<i32>(label, -1);
    memory.fill(x, 0, imageBytes * 4);
    return;
  }
  store<i32>(label, load<i32>(load<usize>(args, 4) + (<usize>image << 2)));

  const dy = (word >> 16) - 128;
  const dx = ((word >> 8) & 255) - 128;
  const mirror = (word & 1) != 0;
  const pixels = load<usize>(args) + <usize>image * imageBytes;
  const scales = args + 40;
  const offsets = scales + (<usize>channels << 2);
  let out = x;
  for (let h = 0; h < height; h++) {
    const inside = h + dy >= 0 && h + dy < height;
    for (let w = 0; w < width; w++) {
      const column = w + dx;
      if (inside && column >= 0 && column < width) {
        let pixel = pixels + <usize>(((h + dy) * width + (mirror ? width - 1 - column : column)) * channels);
        for (let c: usize = 0; c < <usize>channels << 2; c += 4, pixel++, out += 4) {
          store<f32>(out, <f32>load<u8>(pixel) * load<f32>(scales + c) + load<f32>(offsets + c));
        }
      } else {
        for (let c = 0; c < channels; c++, out += 4) store<f32>(out, 0);
      }
    }
  }
}
