/**
 * Decimals of sizes in kB up to `largest`: `usual` from 1 kB on, below that as many as give the largest three digits, since
 * whole networks may have less.
 */
export function kilobyteDecimals(largest: number, usual: number): number {
  return largest > 0 && largest < 1 ? 2 - Math.floor(Math.log10(largest)) : usual;
}

/** An amount that is needed, as a text with so many decimals that is no smaller: as a limit it can be met. */
export function roundedUp(amount: number, decimals: number): string {
  const text = amount.toFixed(decimals);
  return Number(text) < amount ? (Number(text) + 10 ** -decimals).toFixed(decimals) : text;
}

/** kB as a text with three to four digits, such as 7.94, 69.8 and 1048, without the unit. */
export function shortKilobytes(kbytes: number): string {
  return kilobytesText(kbytes, kbytes >= 100 ? 0 : kbytes >= 10 ? 1 : 2);
}

/** kB as a text, without the unit. */
export function kilobytesText(kbytes: number, usual: number): string {
  return kbytes.toFixed(kilobyteDecimals(kbytes, usual));
}
