import { describe, expect, it } from 'vitest';
import { matchesGlob } from './glob.js';

describe('a pattern', () => {
  it.each([
    ['conv1', 'conv1'],
    ['conv1*', 'conv1'],
    ['conv1*', 'conv1/quantized_conv/W'],
    ['*', ''],
    ['', ''],
    ['?onv?', 'conv1'],
    ['res1/*/W', 'res1/layer1/W/quantized_conv/W'],
    ['*a*b*a', 'xaxbxa'],
    ['*ab', 'aab'],
    ['a.b', 'a.b'],
    ['**b', 'b'],
  ])('%s fits %s', (pattern, name) => expect(matchesGlob(pattern, name)).toBe(true));

  it.each([
    ['conv1', 'conv10'],
    ['conv1', 'xconv1'],
    ['conv?', 'conv'],
    ['?', ''],
    ['a?b', 'ab'],
    ['a?b', 'axxb'],
    ['', 'a'],
    ['*ab', 'aba'],
    ['a*b', 'ac'],
    ['a.b', 'axb'],
    ['[ab]', 'a'],
    ['*?', ''],
  ])('%s does not fit %s', (pattern, name) => expect(matchesGlob(pattern, name)).toBe(false));

  // Backtracking would not come back within the time of a test.
  it('of many stars comes to an end', () => {
    expect(matchesGlob(`${'*'.repeat(28)}!`, 'a'.repeat(1000))).toBe(false);
    expect(matchesGlob(`${'*a'.repeat(200)}!`, 'a'.repeat(2000))).toBe(false);
  });
});
