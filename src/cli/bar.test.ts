import { afterEach, expect, it, vi } from 'vitest';
import { writtenBar } from './bar.js';

afterEach(() => {
  vi.restoreAllMocks();
});

it('a log that has been silent for half a minute gets a line, and no more', () => {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  const bar = writtenBar();
  const at = (seconds: number) => {
    now.mockReturnValue(1000 * seconds);
    bar.show('train', seconds, 200, { words: [`${seconds} s`, '', 'loss 2'], short: [] });
  };
  for (let second = 0; second < 70; second++) at(second);
  expect(written).toEqual(['30 s  loss 2\n', '60 s  loss 2\n']);
  bar.line('epoch 1\u001b[2J\nof 3');
  at(95);
  expect(written.slice(2)).toEqual(['epoch 1\\u001b[2J\nof 3\n']);
  at(100);
  expect(written.at(-1)).toBe('100 s  loss 2\n');
});
