/** SHA-256. */

import { sha256 as inJavaScript } from '@noble/hashes/sha2.js';

export interface Hash {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** Not imported, so that pages can have this file; missing before Node 20.16. */
const crypto = globalThis.process?.getBuiltinModule?.('node:crypto');

/** A hash of what it is updated with: Node's own, 17 times as fast, where there is Node. */
export function sha256(): Hash {
  return crypto ? crypto.createHash('sha256') : inJavaScript.create();
}
