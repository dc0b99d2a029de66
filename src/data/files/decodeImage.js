/**
 * One image file to RGB bytes, with libvips (sharp). Plain JavaScript, since it also runs in the decoder processes,
 * from the sources and from `dist` alike.
 */
import { readFile } from 'node:fs/promises';

/**
 * What is made of an image:
 *
 * - `fill`: upright (EXIF) and in sRGB (ICC), scaled to fill a square, the overhang cropped evenly; or, without `side`,
 *   in its own size.
 * - `region`: a part of it, scaled to a square.
 * - `centre`: scaled, then a part of that.
 *
 * The last two see pixels as they are stored, as torchvision's ImageFolder does: neither turned nor converted by a
 * profile. They are scaled with a triangle filter as wide as the shrinking asks for, as PIL's bilinear one. (Where they
 * are enlarged, libvips places the result half of one of its pixels away from PIL's.)
 *
 * @typedef {{
 *   readonly type: 'fill', readonly side?: number | undefined
 * } | {
 *   readonly type: 'region', readonly region: import('../crops.js').Region, readonly side: number
 * } | {
 *   readonly type: 'centre', readonly scaled: import('../crops.js').Size, readonly cut: import('../crops.js').Region
 * }} Framing
 *
 * @typedef {{ readonly data: Uint8Array, readonly width: number, readonly height: number }} DecodedImage
 */

/** @type {import('sharp') | undefined} A native library: loaded only where images are decoded. */
let sharp;

async function loadSharp() {
  sharp ??= (await import('sharp')).default;
  return sharp;
}

/**
 * @param {string} file
 * @param {Framing} framing
 * @returns {Promise<DecodedImage>} throws what libvips says about a file that it cannot decode
 */
export async function decodeImage(file, framing) {
  const open = await loadSharp();
  // From memory: libvips remembers files by name, and would miss that one was replaced.
  const bytes = await readFile(file);
  const image = framed(open, bytes, framing);
  const raw = image.removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' });
  const { data, info } = await raw.toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/**
 * Reads no more than the header.
 *
 * @param {string} file
 * @returns {Promise<import('../crops.js').Size>} as stored, not turned
 */
export async function measureImage(file) {
  const open = await loadSharp();
  const { width, height } = await open(file).metadata();
  return { width, height };
}

/**
 * @param {import('sharp')} open
 * @param {Uint8Array} bytes
 * @param {Framing} framing
 */
function framed(open, bytes, framing) {
  if (framing.type === 'fill') {
    const image = open(bytes).autoOrient();
    const { side } = framing;
    return side === undefined ? image : image.resize(side, side, { fit: 'cover' });
  }
  // What libjpeg only warns of, such as stray bytes before a marker, occurs in ImageNet and does no harm.
  const image = open(bytes, { ignoreIcc: true, failOn: 'error' });
  const options = /** @type {const} */ ({ fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false });
  if (framing.type === 'region') return image.extract(framing.region).resize(framing.side, framing.side, options);
  return image.resize(framing.scaled.width, framing.scaled.height, options).extract(framing.cut);
}
