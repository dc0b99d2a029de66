/**
 * The kinds of quantizers by name. All other code asks a kind's object (see `kind.ts`), so a new kind needs its file
 * and an entry here, or, from outside, `addQuantizerKind`.
 */
import type { ParameterName, PublishedKind, QuantizerCore, QuantizerKind } from '../quantizer.js';
import { fp } from './fp.js';
import type { Kind } from './kind.js';
import { parametricFp } from './parametric_fp.js';
import { parametricFpBXmax } from './parametric_fp_b_xmax.js';
import { parametricFpDB } from './parametric_fp_d_b.js';
import { parametricFpDXmax } from './parametric_fp_d_xmax.js';
import { parametricPow2 } from './parametric_pow2.js';
import { parametricPow2BXmax } from './parametric_pow2_b_xmax.js';
import { parametricPow2BXmin } from './parametric_pow2_b_xmin.js';
import { parametricPow2XminXmax } from './parametric_pow2_xmin_xmax.js';
import { pow2 } from './pow2.js';

const published: Readonly<Record<PublishedKind, Kind>> = {
  fp,
  parametric_fp: parametricFp,
  parametric_fp_d_xmax: parametricFpDXmax,
  parametric_fp_b_xmax: parametricFpBXmax,
  parametric_fp_d_b: parametricFpDB,
  pow2,
  parametric_pow2: parametricPow2,
  parametric_pow2_xmin_xmax: parametricPow2XminXmax,
  parametric_pow2_b_xmax: parametricPow2BXmax,
  parametric_pow2_b_xmin: parametricPow2BXmin,
};

const kinds = new Map<string, Kind>(Object.entries(published));
const names: QuantizerKind[] = [...kinds.keys()];

/** Every kind, uniform ones first, added ones last. */
export const quantizerKinds: readonly QuantizerKind[] = names;

/**
 * The parametrization with a name.
 *
 * @throws {RangeError} for an unknown name
 */
export function kindNamed(name: QuantizerKind): Kind {
  const kind = kinds.get(name);
  if (!kind) throw new RangeError(`no kind of quantizer is called ${name}; there are ${names.join(', ')}`);
  return kind;
}

/**
 * Adds a parametrization. From then on it can be trained like the published ones, under its name in `w_quantize` and
 * `layers`, and with `_relu` behind it in `a_quantize`. docs/method.md has a complete one.
 *
 * @param name lower-case letters, digits and `_`, not ending in `_relu`
 * @throws {RangeError} if the name is taken or of another form
 * @example
 * ```ts
 * import { quant } from 'mixed-precision-dnns';
 *
 * quant.addQuantizerKind('my_kind', { ...quant.kindNamed('parametric_fp_d_b'), steps: 'any' });
 * ```
 */
export function addQuantizerKind(name: string, kind: Kind): void {
  if (!/^[a-z][a-z0-9_]*$/.test(name) || name.endsWith('_relu') || name === 'none') {
    throw new RangeError(`kind ${name}: a name has small letters, digits and _, and does not end in _relu`);
  }
  if (kinds.has(name)) throw new RangeError(`kind ${name}: there is one already`);
  kinds.set(name, kind);
  names.push(name);
}

/** The element-wise function that a kind uses. */
export function coreOf(kind: QuantizerKind): QuantizerCore {
  return kindNamed(kind).core;
}

/** The meaning of `[p0, p1]` of a kind, in this order; empty for kinds without learned values. */
export function parameterNames(kind: QuantizerKind): readonly ParameterName[] {
  return kindNamed(kind).parameters;
}
