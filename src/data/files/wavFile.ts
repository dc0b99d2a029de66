/**
 * Reader of sounds in WAV files (RIFF; Microsoft and IBM, Multimedia Programming Interface 1991): one channel of
 * integers of 8 to 32 bits, or of floats. Nothing is resampled, and no size is trusted.
 */

import { InputError } from '../../errors.js';

export interface Clip {
  /** Samples a second. */
  readonly sampleRate: number;
  /** Within ±1 for integers. */
  readonly samples: Float32Array;
}

const PCM = 1;
const FLOAT = 3;
/** The code of an extended format, whose first bytes then hold the real code. */
const EXTENSIBLE = 0xfffe;

interface Format {
  readonly code: number;
  readonly channels: number;
  readonly sampleRate: number;
  readonly bits: number;
}

/**
 * Parses the bytes of a file called `source`.
 *
 * @throws InputError for a damaged file, more than one channel, or samples of another type
 */
export function parseWav(bytes: Uint8Array, source: string): Clip {
  const fail = (fault: string): never => {
    throw new InputError(`${source}: ${fault}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || tag(bytes, 0) !== 'RIFF' || tag(bytes, 8) !== 'WAVE') return fail('no WAV file');
  let format: Format | null = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const [name, length] = [tag(bytes, at), view.getUint32(at + 4, true)];
    const start = at + 8;
    if (start + length > bytes.length) return fail(`damaged: it ends within its chunk '${name}'`);
    if (name === 'fmt ') format = formatOf(new DataView(bytes.buffer, bytes.byteOffset + start, length), fail);
    if (name === 'data') {
      if (!format) return fail('damaged: it has samples before their format');
      return { sampleRate: format.sampleRate, samples: samplesOf(bytes.subarray(start, start + length), format, fail) };
    }
    // Chunks begin at even offsets.
    at = start + length + (length % 2);
  }
  return fail('damaged: it has no samples');
}

type Fail = (fault: string) => never;

function tag(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function formatOf(view: DataView, fail: Fail): Format {
  if (view.byteLength < 16) return fail('damaged: its format is cut short');
  const written = view.getUint16(0, true);
  const code = written === EXTENSIBLE && view.byteLength >= 26 ? view.getUint16(24, true) : written;
  const format = {
    code,
    channels: view.getUint16(2, true),
    sampleRate: view.getUint32(4, true),
    bits: view.getUint16(14, true),
  };
  if (format.channels !== 1) return fail(`has ${format.channels} channels; clips of one are read`);
  if (format.sampleRate === 0) return fail('damaged: it has no samples a second');
  return format;
}

function samplesOf(bytes: Uint8Array, { code, bits }: Format, fail: Fail): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = readerOf(view, code, bits);
  if (!read) {
    return fail(`has samples of ${bits} bits in format ${code}; read are 8, 16, 24 and 32 bits (1), and floats (3)`);
  }
  const size = bits / 8;
  if (bytes.length % size !== 0) return fail(`damaged: ${bytes.length} bytes are no whole samples of ${bits} bits`);
  const samples = Float32Array.from({ length: bytes.length / size }, (_, index) => read(index * size));
  const strange = samples.findIndex((value) => !Number.isFinite(value));
  return strange < 0 ? samples : fail(`sample ${strange} is ${samples[strange]}; samples are finite`);
}

/** A reader of one sample; bytes are unsigned, other integers signed. Null for unknown formats. */
function readerOf(view: DataView, code: number, bits: number): ((at: number) => number) | null {
  if (code === FLOAT && bits === 32) return (at) => view.getFloat32(at, true);
  if (code === FLOAT && bits === 64) return (at) => view.getFloat64(at, true);
  if (code !== PCM) return null;
  switch (bits) {
    case 8:
      return (at) => (view.getUint8(at) - 128) / 2 ** 7;
    case 16:
      return (at) => view.getInt16(at, true) / 2 ** 15;
    case 24:
      return (at) => (view.getUint8(at) + 256 * view.getInt16(at + 1, true)) / 2 ** 23;
    case 32:
      return (at) => view.getInt32(at, true) / 2 ** 31;
    default:
      return null;
  }
}
