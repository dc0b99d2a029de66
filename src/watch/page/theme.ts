/**
 * Colours for light and for dark surroundings. Runs have those of Okabe and Ito, which can be told apart with any
 * colour vision, and also dashes and letters. In the dark the colours of bits are reversed, so that many bits stand
 * out.
 */

import { bitColors, colorIndex } from '../../live/bitColors.js';

export interface Theme {
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  readonly paper: string;
  readonly accent: string;
  readonly limit: string;
  readonly runs: readonly string[];
  /** Colours for 1 to 8 bits; the last one also for more. */
  readonly bits: readonly string[];
}

const light: Theme = {
  ink: '#1b1f24',
  muted: '#5b6470',
  grid: '#e3e6ea',
  paper: '#ffffff',
  accent: '#0072b2',
  limit: '#b3261e',
  runs: ['#0072b2', '#d55e00', '#007a5a', '#b0518f', '#8a6100', '#222222'],
  bits: bitColors,
};

const dark: Theme = {
  ink: '#e8eaed',
  muted: '#9aa4b0',
  grid: '#2c333c',
  paper: '#171b21',
  accent: '#56b4e9',
  limit: '#ff8a80',
  runs: ['#56b4e9', '#ff9e4a', '#3ccf9d', '#eb9bcb', '#e8c547', '#e8eaed'],
  bits: ['#14235a', '#1f3f94', '#225ea8', '#1d91c0', '#41b6c4', '#7fcdbb', '#b5e0a8', '#e3f29a'],
};

const prefersDark = matchMedia('(prefers-color-scheme: dark)');

export function theme(): Theme {
  return prefersDark.matches ? dark : light;
}

export function onThemeChange(listen: () => void): void {
  prefersDark.addEventListener('change', listen);
}

/** Dashes of the lines of the n-th run, which differ by more than colour. */
const dashes: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 3, 2, 3], [14, 5], [4, 2, 1, 2, 1, 2]];

export interface RunStyle {
  readonly color: string;
  readonly dash: readonly number[];
  /** The letter at the end of its lines. */
  readonly letter: string;
}

export const MOST_RUNS = dashes.length;

export function runStyle(index: number): RunStyle {
  return { color: theme().runs[index]!, dash: dashes[index]!, letter: String.fromCharCode(65 + index) };
}

export function bitsColor(bits: number): string {
  return theme().bits[colorIndex(bits)]!;
}

/** Black or white, whichever is easier to read on a colour `#rrggbb`. */
export function inkOn(color: string): string {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255) as [
    number,
    number,
    number,
  ];
  return 0.2126 * r ** 2.2 + 0.7152 * g ** 2.2 + 0.0722 * b ** 2.2 > 0.22 ? '#111111' : '#ffffff';
}
