import { expect, it } from 'vitest';
import { kilobyteDecimals, kilobytesText, roundedUp } from './kilobytes.js';

it('shows sizes below 1 kB with three digits, and others as usual', () => {
  expect([1048.23, 8, 1, 0].map((kbytes) => kilobytesText(kbytes, 1))).toEqual(['1048.2', '8.0', '1.0', '0.0']);
  expect([0.999, 0.45, 0.1, 0.0833, 0.00635].map((kbytes) => kilobytesText(kbytes, 2))).toEqual([
    ...['0.999', '0.450', '0.100', '0.0833', '0.00635'],
  ]);
  expect((0.0045).toFixed(kilobyteDecimals(0.0833, 2))).toBe('0.0045');
});

it('rounds up what is needed, but not what a text holds exactly', () => {
  expect([0.21533203125, 0.375, 65.5142, 3.0001].map((kbytes) => roundedUp(kbytes, 3))).toEqual([
    ...['0.216', '0.375', '65.515', '3.001'],
  ]);
});
