import { expect, it } from 'vitest';
import { textTable } from './textTable.js';

const rows = [
  ['name', 'quantizer', 'rate'],
  ['PARAMETRIC_FP_WAQ', 'parametric_fp_d_xmax, from 4 bits', '0.1'],
];

it('aligns columns', () => {
  expect(textTable(rows)).toBe(
    'name               quantizer                          rate\nPARAMETRIC_FP_WAQ  parametric_fp_d_xmax, from 4 bits  0.1',
  );
});

it('wraps the widest columns to fit', () => {
  const text = textTable(rows, 46);
  expect(text.split('\n')).toEqual([
    'name               quantizer              rate',
    'PARAMETRIC_FP_WAQ  parametric_fp_d_xmax,  0.1',
    '                   from 4 bits',
  ]);
  for (const width of [22, 24, 30, 40]) {
    for (const line of textTable(rows, width).split('\n')) expect(line.length).toBeLessThanOrEqual(Math.max(24, width));
    expect(textTable(rows, width).replace(/\s/g, '')).toContain('quantizer');
  }
});

it('loses no letter when it wraps, however narrow', () => {
  const letters = (text: string) => [...text.replace(/\s/g, '')].sort().join('');
  expect(letters(textTable(rows, 10))).toBe(letters(rows.flat().join('')));
});

it('shows what a terminal would obey', () => {
  expect(textTable([['a\u001b[2J\nb']])).toBe('a\\u001b[2J\\nb');
});
