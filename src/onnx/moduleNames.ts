/** Names of layers from those of nodes and constants, which hold the path of the module that they come from. */

/**
 * The module that a parameter belongs to: `layer1.0.conv1` for `layer1.0.conv1.weight`; undefined for a name that an
 * exporter made up, such as `onnx::Conv_193`.
 */
export function moduleOfParameter(parameter: string): string | undefined {
  const [, module] = /^(.+)\.(?:weight|bias|running_mean|running_var)$/.exec(parameter) ?? [];
  return module === undefined || module.includes('::') ? undefined : nameOf(module);
}

/**
 * The module that a node belongs to: `layer1.0.conv1` for `/layer1/layer1.0/conv1/Conv`. A part that repeats the one before
 * takes its place. Undefined for a node outside of all modules, or without a path.
 */
export function moduleOfNode(node: string): string | undefined {
  const parts = node.split('/').filter(Boolean).slice(0, -1);
  if (!node.includes('/') || parts.length === 0) return undefined;
  const path = parts.filter((part, at) => !parts[at + 1]?.startsWith(`${part}.`));
  return nameOf(path.join('.'));
}

/** Keeps the characters of other programs' names that names of layers may have. */
function nameOf(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}_./-]/gu, '_');
}
