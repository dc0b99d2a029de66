/** From logits to classes with their probabilities. */

/** The answer of a network to an image. */
export interface Prediction {
  /** The class of the largest logit. */
  readonly class: string;
  /** Its index. */
  readonly label: number;
  /** Softmax of the logits, at this class. */
  readonly probability: number;
  /** One a class. */
  readonly logits: readonly number[];
}

/**
 * The predictions for logits [count, classes], in their order; `classes` are the names. Of equal logits the first is
 * taken. Throws an `Error` for logits that are not finite.
 */
export function predictions(logits: Float64Array, classes: readonly string[]): Prediction[] {
  return Array.from({ length: logits.length / classes.length }, (_, image) => {
    const own = [...logits.subarray(image * classes.length, (image + 1) * classes.length)];
    const largest = Math.max(...own);
    if (!Number.isFinite(largest)) throw new Error(`image ${image}: the network puts out no finite numbers`);
    const label = own.indexOf(largest);
    const sum = own.reduce((total, logit) => total + Math.exp(logit - largest), 0);
    return { class: classes[label]!, label, probability: 1 / sum, logits: own };
  });
}
