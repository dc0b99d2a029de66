/** SHA-256 (FIPS 180-4). */

export interface Hash {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** Not imported, so that pages can use this file; missing before Node 20.16. */
const crypto = globalThis.process?.getBuiltinModule?.('node:crypto');

/** A SHA-256 hash: in Node its own implementation, which is the faster one. */
export function sha256(): Hash {
  return crypto ? crypto.createHash('sha256') : sha256InJavaScript();
}

/** The 64 round constants and the start state: fractions of the cube and square roots of the first primes. */
const roundConstants = fractions(64, Math.cbrt);
const startState = fractions(8, Math.sqrt);

/**
 * The hash where there is no Node. `crypto.subtle` of pages answers later, and only in secure contexts; a
 * library such as @noble/hashes has four times the size, 2 kB more of the 100 that the scripts of a page may have.
 */
export function sha256InJavaScript(): Hash {
  const state = startState.slice();
  const block = new DataView(new ArrayBuffer(64));
  let length = 0;
  const add = (byte: number): void => {
    block.setUint8(length++ % 64, byte);
    if (length % 64 === 0) compress(state, block, 0);
  };
  return {
    update: (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      let i = 0;
      while (i < bytes.length) {
        if (length % 64 > 0 || i + 64 > bytes.length) add(bytes[i++]!);
        else {
          compress(state, view, i);
          length += 64;
          i += 64;
        }
      }
    },
    digest: () => {
      const bits = 8 * length;
      add(0x80);
      while (length % 64 !== 56) add(0);
      block.setUint32(56, bits / 2 ** 32);
      block.setUint32(60, bits);
      compress(state, block, 0);
      for (const [i, word] of state.entries()) block.setInt32(4 * i, word);
      return new Uint8Array(block.buffer, 0, 32);
    },
  };
}

/** Mixes the block that begins at an offset into the state (section 6.2.2). */
function compress(state: Int32Array, block: DataView, offset: number): void {
  const words = new Int32Array(64);
  for (let t = 0; t < 64; t++) {
    if (t < 16) {
      words[t] = block.getInt32(offset + 4 * t);
      continue;
    }
    const w2 = words[t - 2]!;
    const w15 = words[t - 15]!;
    const s0 = rotated(w15, 7) ^ rotated(w15, 18) ^ (w15 >>> 3);
    const s1 = rotated(w2, 17) ^ rotated(w2, 19) ^ (w2 >>> 10);
    words[t] = s1 + words[t - 7]! + s0 + words[t - 16]!;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let t = 0; t < 64; t++) {
    const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const first = (h + s1 + ((e & f) ^ (~e & g)) + roundConstants[t]! + words[t]!) | 0;
    const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const second = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) state[i]! += value;
}

function rotated(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

/** The first 32 bits of the fractions of roots of the first primes. */
function fractions(count: number, root: (prime: number) => number): Int32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime > 0)) primes.push(n);
  return Int32Array.from(primes, (prime) => (root(prime) % 1) * 2 ** 32);
}
