/** Names of layers, short enough to read beside a picture. */

/**
 * Layer names without what every one of them repeats: `res1/layer1/basicblock1/quantized_conv/W` is shown as
 * `res1/layer1/basicblock1`, `layer1.0.conv1.weight` as `layer1.0.conv1`. Names that would become alike stay whole.
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
