/** WAV files for tests. */

/** The file of a chunk `fmt ` and the bytes of the samples; `before` are chunks in front of them. */
export function wavFile(
  format: { readonly code?: number; readonly channels?: number; readonly sampleRate?: number; readonly bits: number },
  samples: Uint8Array,
  before: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const { code = 1, channels = 1, sampleRate = 8000, bits } = format;
  const fmt = Buffer.alloc(16);
  fmt.writeUInt16LE(code, 0);
  fmt.writeUInt16LE(channels, 2);
  fmt.writeUInt32LE(sampleRate, 4);
  fmt.writeUInt32LE((sampleRate * channels * bits) / 8, 8);
  fmt.writeUInt16LE((channels * bits) / 8, 12);
  fmt.writeUInt16LE(bits, 14);
  const chunks = Buffer.concat([wavChunk('fmt ', fmt), before, wavChunk('data', samples)]);
  return Buffer.concat([wavChunk('RIFF', Buffer.concat([Buffer.from('WAVE'), chunks]))]);
}

export function wavChunk(name: string, content: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(content.length);
  return Buffer.concat([Buffer.from(name), length, content, Buffer.alloc(content.length % 2)]);
}

/** A tone of 16 bits. */
export function tone(hertz: number, count: number, sampleRate = 8000, loudness = 0.5): Uint8Array {
  const samples = Int16Array.from(
    { length: count },
    (_, n) => 32767 * loudness * Math.sin((2 * Math.PI * hertz * n) / sampleRate),
  );
  return wavFile({ sampleRate, bits: 16 }, new Uint8Array(samples.buffer));
}
