/** Numbers as texts. */

import { shortKilobytes } from '../../kilobytes.js';

export function percent(fraction: number, digits = 1): string {
  return `${(100 * fraction).toFixed(digits)} %`;
}

export function kbytes(value: number): string {
  return `${shortKilobytes(value)} kB`;
}

/** Operations in billions. */
export function billions(value: number): string {
  return `${short(value)} billion`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A number as a text with the three digits that neighbours on a scale need. */
export function short(value: number): string {
  const rounded = Number(value.toPrecision(3));
  const size = Math.abs(rounded);
  return rounded === 0 || (size < 1e6 && size >= 1e-3) ? String(rounded) : rounded.toExponential().replace('e+', 'e');
}

/** Round numbers that divide an interval into about `wanted` parts. */
export function ticks(from: number, to: number, wanted: number): number[] {
  const rough = (to - from) / Math.max(1, wanted);
  if (!(rough > 0) || !Number.isFinite(rough)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Whole epochs that divide an interval; parts of the first one before it has ended. */
export function epochTicks(from: number, to: number, wanted: number): number[] {
  const all = ticks(from, to, wanted);
  const whole = all.filter(Number.isInteger);
  return whole.length > 1 ? whole : all;
}
