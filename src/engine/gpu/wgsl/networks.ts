/**
 * Kernels for several networks that compute together. A kernel is written for one; for the others it has as many layers of
 * workgroups more, along z, and `network` tells whose numbers its accesses take. Nothing else of it changes, so each
 * network has the bits that it has alone.
 */

/** The functions of a kernel for several networks, made of those for one, which has `depth` workgroups along z. */
export function forNetworks(functions: string, depth: number): string {
  const [before, parameters, rest] = parts(functions);
  const own = /@builtin\(workgroup_id\) (\w+): vec3u(, )?/.exec(parameters);
  const others = own ? parameters.replace(own[0], '') : parameters;
  const group = own ? `let ${own[1]} = vec3u(layered.xy, layered.z % ${depth}u);` : '';
  return `var<private> network: u32;
${before}fn main(@builtin(workgroup_id) layered: vec3u, ${others}) {
  network = layered.z / ${depth}u;
  ${group}${rest}`;
}

/** The text before the entry point, its parameters, and the text behind them. */
function parts(functions: string): readonly [string, string, string] {
  const [, before, parameters, rest] = /^(.*)fn main\(([^{]*)\) \{(.*)$/s.exec(functions) ?? [];
  if (before === undefined || parameters === undefined || rest === undefined) throw new Error('a kernel without main');
  return [before, parameters, rest];
}
