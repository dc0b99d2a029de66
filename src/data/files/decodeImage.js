/**
 * One image file to RGB bytes, with libvips (sharp). Plain JavaScript, since it also runs in the decoder processes,
 * from the sources and from `dist` alike.
 */
import { readFile } from 'node:fs/promises';

/**
 * @typedef {import('../imageStream.js').Framing} Framing
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
 * The faults that refuse a file. Those of which libjpeg only warns, such as stray bytes before a marker, do no harm.
 */
const failOn = 'error';

/**
 * @param {import('sharp')} open
 * @param {Uint8Array} bytes
 * @param {Framing} framing
 */
function framed(open, bytes, framing) {
  if (framing.type === 'fill') {
    const image = open(bytes, { failOn }).autoOrient();
    const { side } = framing;
    return side === undefined ? image : image.resize(side, side, { fit: 'cover' });
  }
  const image = open(bytes, { ignoreIcc: true, failOn });
  const options = /** @type {const} */ ({ fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false });
  if (framing.type === 'region') return image.extract(framing.region).resize(framing.side, framing.side, options);
  return image.resize(framing.scaled.width, framing.scaled.height, options).extract(framing.cut);
}
