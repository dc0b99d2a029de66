/** Draws images of the dataset on canvases. */

import { element } from '../src/watch/page/dom.js';

/** @param image bytes [height, width, channels], of one channel or three */
export function picture(image: Uint8Array, height: number, width: number, channels: number): HTMLCanvasElement {
  const canvas = element('canvas', { width, height, className: 'picture' });
  const pixels = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels.data[4 * pixel + channel] = image[pixel * channels + (channels === 1 ? 0 : channel)]!;
    }
    pixels.data[4 * pixel + 3] = 255;
  }
  canvas.getContext('2d')!.putImageData(pixels, 0, 0);
  return canvas;
}
