/** Names of layers, shortened for pictures. */

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
