/** Layers in pictures: their names, shortened, and weights apart from activations. */

/**
 * Layer names without their common endings: `res1/layer1/basicblock1/quantized_conv/W` becomes
 * `res1/layer1/basicblock1`, `layer1.0.conv1.weight` becomes `layer1.0.conv1`. Names that would become equal stay
 * whole.
 */
export function layerLabels(tensors: readonly string[]): string[] {
  const short = tensors.map((tensor) => {
    const cut = tensor
      .replace(/\/quantized_\w+/, '')
      .replace(/\/(W|Aquant)$/, '')
      .replace(/\.weight$/, '');
    return cut === '' ? tensor : cut;
  });
  return short.map((label, i) => (short.filter((other) => other === label).length === 1 ? label : (tensors[i] ?? '')));
}

/** The rows of weights and biases and those of activations, without a part that has none. */
export function partsByRole<Row extends { readonly role: 'weight' | 'bias' | 'activation' }>(
  rows: readonly Row[],
): { readonly title: string; readonly rows: readonly Row[] }[] {
  const parts = [
    { title: 'weights', rows: rows.filter(({ role }) => role !== 'activation') },
    { title: 'activations', rows: rows.filter(({ role }) => role === 'activation') },
  ];
  return parts.filter((part) => part.rows.length > 0);
}
