import { expect, it } from 'vitest';
import { commandWords } from './commandLine.js';

it('quotes words that a shell would split or change, and no others', () => {
  expect(commandWords(['eval', 'Läufe/groß_1', 'a b', "it's", 'x*', ''])).toBe(
    "eval Läufe/groß_1 'a b' 'it'\\''s' 'x*' ''",
  );
});
