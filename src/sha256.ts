/** SHA-256. */

import { sha256 as inJavaScript } from '@noble/hashes/sha2.js';

export interface Hash {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** Not imported, so that pages can use this file; missing before Node 20.16. */
const crypto = globalThis.process?.getBuiltinModule?.('node:crypto');

/** A SHA-256 hash: in Node its own implementation, which is some ten times as fast. */
export function sha256(): Hash {
  return crypto ? crypto.createHash('sha256') : inJavaScript.create();
}
