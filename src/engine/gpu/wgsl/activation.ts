/**
 * Activations in WGSL: value and gradient factors of one element (see `quant/elementQuantizer.ts` for the mathematics).
 *
 * `Range` holds the effective values of a quantizer; a kernel loads it once and passes it to the functions. Learned
 * steps are powers of two, so a product with their inverse is the exact quotient.
 */

import type { Activation } from '../../../ops/attributes.js';
import type { Operand } from '../kernel.js';
import { isNan, rounding } from './rounding.js';

/** Declares `activate(x, range)`, `inputFactor(x, range)` and `rangeFactors(x, range)`. */
export function activationFunctions(activation: Activation | null): string {
  return `${rounding}
struct Range { e0: f32, e1: f32, inverse0: f32 }
${functionsOf(activation)}
fn activate4(x: vec4f, q: Range) -> vec4f {
  return vec4f(activate(x.x, q), activate(x.y, q), activate(x.z, q), activate(x.w, q));
}
fn inputFactor4(x: vec4f, q: Range) -> vec4f {
  return vec4f(inputFactor(x.x, q), inputFactor(x.y, q), inputFactor(x.z, q), inputFactor(x.w, q));
}
// The two sums of quantizer gradients over four elements with upstream gradients g.
fn rangeSums4(x: vec4f, g: vec4f, q: Range) -> vec2f {
  return g.x * rangeFactors(x.x, q) + g.y * rangeFactors(x.y, q)
    + (g.z * rangeFactors(x.z, q) + g.w * rangeFactors(x.w, q));
}
`;
}

/** Declares `range` from the quantizer's row of `ranges`; a dummy for activations without one. */
export function loadRange(
  activation: Activation | null,
  ranges: Operand | undefined,
  parameter: (value: number) => string,
): string {
  if (activation?.type !== 'quantize') return 'let range = Range(0.0, 0.0, 0.0);';
  if (!ranges) throw new Error('a quantizer needs the effective ranges');
  const row = parameter(2 * activation.row);
  return `let range_e0 = ${ranges.load(row)};
  let range = Range(range_e0, ${ranges.load(`${row} + 1u`)}, inverse(range_e0));`;
}

function functionsOf(activation: Activation | null): string {
  if (!activation) return simple('return x;', '1.0');
  switch (activation.type) {
    case 'relu':
      return simple(`${keepNan} return max(x, 0.0);`, 'select(0.0, 1.0, x > 0.0)');
    case 'relu6':
      return simple(`${keepNan} return limit(x, 0.0, 6.0);`, 'inside(x, 0.0, 6.0)');
    case 'sigmoid':
      return simple(`${keepNan} return sigmoid(x);`, 'sigmoid(x) * (1.0 - sigmoid(x))', sigmoid);
    case 'hardSigmoid':
      return simple(`${keepNan} return hardSigmoid(x);`, 'select(0.0, 1.0 / 6.0, abs(x) < 3.0)', hardSigmoid);
    case 'hardSwish':
      return simple(
        `${keepNan} return x * hardSigmoid(x);`,
        'select(hardSigmoid(x), x / 3.0 + 0.5, abs(x) < 3.0)',
        hardSigmoid,
      );
    case 'silu':
      return simple(`${keepNan} return x * sigmoid(x);`, 'sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x)))', sigmoid);
    case 'quantize':
      return quantizers[activation.core](activation.signed);
    default:
      return activation satisfies never;
  }
}

function simple(value: string, factor: string, declarations = ''): string {
  return declarations + functions(value, `return ${factor};`, 'return vec2f(0.0);');
}

const sigmoid = 'fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x)); }';
const hardSigmoid = 'fn hardSigmoid(x: f32) -> f32 { return limit(x / 6.0 + 0.5, 0.0, 1.0); }';

function functions(value: string, inputFactor: string, rangeFactors: string): string {
  return `
fn activate(x: f32, q: Range) -> f32 { ${value} }
fn inputFactor(x: f32, q: Range) -> f32 { ${inputFactor} }
fn rangeFactors(x: f32, q: Range) -> vec2f { ${rangeFactors} }
`;
}

/** NaN must stay NaN, or a diverged network would look healthy behind its activations. */
const keepNan = `if (${isNan('x')}) { return x; }`;

const quantizers = {
  uniform: (signed: boolean) => {
    const low = signed ? '-q.e1' : '0.0';
    const steps = `limit(x, ${low}, q.e1) * q.inverse0`;
    return functions(
      `${keepNan} return q.e0 * roundHalfAway(${steps});`,
      `return inside(x, ${low}, q.e1);`,
      `let steps = ${steps};
      let below = ${signed ? 'select(0.0, -1.0, x <= -q.e1)' : '0.0'};
      return vec2f(roundHalfAway(steps) - steps, select(below, 1.0, x >= q.e1));`,
    );
  },
  pow2: (signed: boolean) => {
    const magnitude = `let a = ${signed ? 'abs(x)' : 'max(x, 0.0)'};`;
    const isDead = signed ? 'false' : 'nearestPowerOfTwo(a) < q.e0';
    const side = 'let side = select(1.0, -1.0, x < 0.0);';
    return functions(
      `${keepNan} ${magnitude} ${side}
      let dead = ${isDead};
      let low = a < q.e0 && !dead;
      let high = a >= q.e1;
      if (low || high) { return side * (select(0.0, q.e0, low) + select(0.0, q.e1, high)); }
      return select(side * nearestPowerOfTwo(a), 0.0, dead);`,
      `${magnitude} return select(0.0, nearestPowerOfTwo(a) / a, a >= q.e0 && a < q.e1);`,
      `${magnitude} ${side}
      return vec2f(select(0.0, side, a < q.e0 && !(${isDead})), select(0.0, side, a >= q.e1));`,
    );
  },
  fixedUniform: (signed: boolean) => {
    const low = signed ? '-q.e1' : '0.0';
    return functions(
      `${keepNan}
      if (x > q.e1) { return q.e1; }
      if (x < ${low}) { return ${low}; }
      return q.e0 * roundHalfAway(x * q.inverse0);`,
      `return select(0.0, 1.0, x >= ${low} && x <= q.e1);`,
      'return vec2f(0.0);',
    );
  },
  fixedPow2: (signed: boolean) =>
    functions(
      `${keepNan}
      ${signed ? '' : 'if (nearestPowerOfTwo(max(x, 0.0)) < q.e0) { return 0.0; }'}
      let magnitude = limit(nearestPowerOfTwo(abs(x)), q.e0, q.e1);
      return select(magnitude, -magnitude, x < 0.0);`,
      `return select(1.0, 0.0, nearestPowerOfTwo(abs(x)) > q.e1${signed ? '' : ' || x < 0.0'});`,
      'return vec2f(0.0);',
    ),
} as const;
