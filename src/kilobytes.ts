/**
 * Decimals of sizes in kB up to `largest`: `usual` from 1 kB on, below that as many as give the largest three digits, since
 * whole networks may have less.
 */
export function kilobyteDecimals(largest: number, usual: number): number {
  return largest > 0 && largest < 1 ? 2 - Math.floor(Math.log10(largest)) : usual;
}

/** kB as a text with three to four digits, such as 7.94, 69.8 and 1048, without the unit. */
export function shortKilobytes(kbytes: number): string {
  return kilobytesText(kbytes, kbytes >= 100 ? 0 : kbytes >= 10 ? 1 : 2);
}

/** kB as a text, without the unit. */
export function kilobytesText(kbytes: number, usual: number): string {
  return kbytes.toFixed(kilobyteDecimals(kbytes, usual));
}
