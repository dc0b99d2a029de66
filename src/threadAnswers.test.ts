import { expect, it } from 'vitest';
import { threadAnswers } from './threadAnswers.js';

it('come in the order of the questions, until the first end rejects the open ones and all later ones', async () => {
  const thread = threadAnswers<string>();
  const sent: number[] = [];
  const [first, second, third] = [1, 2, 3].map((number) => thread.ask(() => sent.push(number)));
  expect([sent, thread.open()]).toEqual([[1, 2, 3], 3]);
  thread.answer('one');
  thread.answer('two');
  expect([await first, await second, thread.open()]).toEqual(['one', 'two', 1]);
  thread.end(new Error('broken'));
  thread.end(new Error('exit'));
  await expect(third).rejects.toThrow('broken');
  await expect(thread.ask(() => sent.push(4))).rejects.toThrow('broken');
  expect([sent, thread.open()]).toEqual([[1, 2, 3], 0]);
});
