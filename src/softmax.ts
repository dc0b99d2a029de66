/** The probabilities that logits stand for. */
export function softmax(logits: readonly number[]): number[] {
  // So that no power overflows.
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
