import { describe, expect, it } from 'vitest';
import { InputError, printable } from './errors.js';

describe('a message', () => {
  it('is one line that no name can break, erase or turn around', () => {
    const { message } = new InputError('a\nb\r\tc\u001b[2Jd\u0000\u0085\u2028\u202ee\ud800: no such file');
    expect(message).toBe('a\\nb\\r\\tc\\u001b[2Jd\\u0000\\u0085\\u2028\\u202ee\\ud800: no such file');
    expect(printable(message)).toBe(message);
  });

  it('keeps the letters of all languages and its own signs', () => {
    const text = 'Größe "日本語" 😀 café \\n';
    expect(printable(text)).toBe(text);
  });
});
