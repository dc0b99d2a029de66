/**
 * Kernels of networks that compute together although numbers of their plans differ, such as memory budgets: where these are
 * parameters of a kernel, each network has its own. They are in a storage then, one network behind the other, since a uniform
 * has no room for those of many.
 */

import { type KernelCall, offsetAlignment, stridesOf } from './kernel.js';
import type { LoweredCall } from './lowering.js';

/** The calls of each phase, in order. */
export type LoweredPhases = readonly (readonly [phase: string, calls: readonly LoweredCall[]])[];

/**
 * The phases of networks whose plans are alike (`alike.ts`) as phases of all: those of each network, lowered to the end, since
 * strides depend on the sizes of buffers.
 */
export function jointPhases(lowered: readonly LoweredPhases[]): LoweredPhases {
  const [first = [], ...others] = lowered;
  return first.map(([phase, calls], at) => [
    phase,
    calls.map((each, index) => {
      const same = others.map((phases) => phases[at]![1][index]!.call);
      return { ...each, call: jointCall(each.call, same) };
    }),
  ]);
}

function jointCall(call: KernelCall, others: readonly KernelCall[]): KernelCall {
  const { label, code, parameters } = call;
  if (others.some((other) => other.code !== code)) throw new Error(`${label}: its networks have different kernels`);
  if (others.every((other) => other.parameters.every((value, i) => value === parameters[i]))) return call;
  const strides = stridesOf(call);
  const stride = (Math.ceil((4 * parameters.length) / offsetAlignment) * offsetAlignment) / 4;
  const all = [call, ...others].flatMap((each) => {
    const own = [...strides, ...each.parameters.slice(strides.length)];
    return [...own, ...new Array<number>(stride - own.length).fill(0)];
  });
  return { ...call, code: withOwnParameters(code, stride / 4), parameters: all, parameterStride: stride };
}

/** A kernel for several networks that reads the parameters of each, `stride` vectors from one to the next. */
function withOwnParameters(code: string, stride: number): string {
  return code
    .replace(/var<uniform> parameters: array<vec4u, \d+>/, 'var<storage, read> parameters: array<vec4u>')
    .replaceAll('parameters[', `parameters[network * ${stride}u + `);
}
