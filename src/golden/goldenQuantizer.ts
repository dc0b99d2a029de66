/** Quantizers in golden files: a kind, with `_relu` for unsigned ones, and limits `<name>_min` and `_max`. */

import { z } from 'zod';
import {
  type Interval,
  type ParameterName,
  parameterNames,
  type Quantizer,
  type QuantizerKind,
  quantizerKinds,
  wideLimitsOfM,
} from '../quant/index.js';

/** Named numbers: learned values, limits, gradients. */
export const namedNumbers = z.record(z.string(), z.number());
export type NamedNumbers = z.output<typeof namedNumbers>;

export interface SignedKind {
  readonly kind: QuantizerKind;
  readonly signed: boolean;
}

export const signedKind = z.string().transform((text, context): SignedKind => {
  const kind = quantizerKinds.find((known) => text === known || text === `${known}_relu`);
  if (kind) return { kind, signed: text === kind };
  context.issues.push({ code: 'custom', message: `quantizer ${text} is not known`, input: text });
  return z.NEVER;
});

/** A row of the table; an omitted limit has no effect. */
export function goldenQuantizer(
  name: string,
  { kind, signed }: SignedKind,
  limits: NamedNumbers,
  more: Partial<Quantizer> = {},
): Quantizer {
  const interval = (parameter: ParameterName): Interval => ({
    min: limits[`${parameter}_min`] ?? wideLimitsOfM.min,
    max: limits[`${parameter}_max`] ?? wideLimitsOfM.max,
  });
  return {
    name,
    role: signed ? 'weight' : 'activation',
    kind,
    signed,
    count: 1,
    bitwidth: 4,
    bounds: { n: interval('n'), m: interval('m'), d: interval('d'), xmin: interval('xmin'), xmax: interval('xmax') },
    accountingXmin: interval('xmin'),
    fixed: null,
    ...more,
  };
}

/** The pair (p0, p1) from named numbers; zeros for fixed kinds, NaN for missing ones. */
export function learnedPair(kind: QuantizerKind, values: NamedNumbers): [number, number] {
  const [first, second] = parameterNames(kind);
  return first && second ? [values[first] ?? Number.NaN, values[second] ?? Number.NaN] : [0, 0];
}
