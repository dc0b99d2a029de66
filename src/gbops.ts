/** Billions of bit operations as a text with three digits, without the unit. */
export function gbopsText(gbops: number): string {
  return String(Number(gbops.toPrecision(3)));
}
