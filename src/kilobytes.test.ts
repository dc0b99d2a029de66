import { expect, it } from 'vitest';
import { kilobyteDecimals, kilobytesText } from './kilobytes.js';

it('shows sizes below 1 kB with three digits, and others as usual', () => {
  expect([1048.23, 8, 1, 0].map((kbytes) => kilobytesText(kbytes, 1))).toEqual(['1048.2', '8.0', '1.0', '0.0']);
  expect([0.999, 0.45, 0.1, 0.0833, 0.00635].map((kbytes) => kilobytesText(kbytes, 2))).toEqual([
    ...['0.999', '0.450', '0.100', '0.0833', '0.00635'],
  ]);
  expect((0.0045).toFixed(kilobyteDecimals(0.0833, 2))).toBe('0.0045');
});
