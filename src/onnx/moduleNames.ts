/** Names of layers, taken from those of nodes and constants, which contain the path of their module. */

/**
 * The module of a parameter: `layer1.0.conv1` for `layer1.0.conv1.weight`; undefined for names made up by an exporter,
 * such as `onnx::Conv_193`.
 */
export function moduleOfParameter(parameter: string): string | undefined {
  const [, module] = /^(.+)\.(?:weight|bias|running_mean|running_var)$/.exec(parameter) ?? [];
  return module === undefined || module.includes('::') ? undefined : nameOf(module);
}

/**
 * The module of a node: `layer1.0.conv1` for `/layer1/layer1.0/conv1/Conv`. A part that repeats the one before replaces
 * it. Undefined for a node outside of all modules, or without a path.
 */
export function moduleOfNode(node: string): string | undefined {
  const parts = node.split('/').filter(Boolean).slice(0, -1);
  if (!node.includes('/') || parts.length === 0) return undefined;
  const path = parts.filter((part, at) => !parts[at + 1]?.startsWith(`${part}.`));
  return nameOf(path.join('.'));
}

/** The name reduced to characters that names of layers may have. */
function nameOf(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}_./-]/gu, '_');
}
