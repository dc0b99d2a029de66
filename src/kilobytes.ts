/**
 * Decimals of sizes in kB up to `largest`: `usual` from 1 kB on, below that as many as give the largest three digits, since
 * whole networks may have less.
 */
export function kilobyteDecimals(largest: number, usual: number): number {
  return largest > 0 && largest < 1 ? 2 - Math.floor(Math.log10(largest)) : usual;
}

/** kB as a text, without the unit. */
export function kilobytesText(kbytes: number, usual: number): string {
  return kbytes.toFixed(kilobyteDecimals(kbytes, usual));
}
