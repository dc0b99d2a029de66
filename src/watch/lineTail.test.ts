import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { newLines } from './lineTail.js';

it('gives whole lines, each once, from any position on', () => {
  const root = temporaryFolder();
  const path = join(root, 'live.jsonl');
  writeFileSync(path, 'one\ntwo\nthr');
  const first = newLines(root, '');
  expect(first).toMatchObject({ lines: ['one', 'two'], isAnew: false });
  expect(newLines(root, first.position)).toMatchObject({ lines: [], position: first.position });
  appendFileSync(path, 'ee ↯\nfo');
  const second = newLines(root, first.position);
  expect(second).toMatchObject({ lines: ['three ↯'], isAnew: false });
  appendFileSync(path, 'ur\n');
  expect(newLines(root, second.position).lines).toEqual(['four']);
});

it('begins anew where the file has been cut back, however long it is by then', () => {
  const root = temporaryFolder();
  const path = join(root, 'live.jsonl');
  writeFileSync(path, 'one\ntwo\n');
  const { position } = newLines(root, '');
  writeFileSync(join(root, 'aside'), 'one\nzwei\ndrei\nvier\n');
  renameSync(join(root, 'aside'), path);
  expect(newLines(root, position)).toMatchObject({ lines: ['one', 'zwei', 'drei', 'vier'], isAnew: true });
});

it('reads long files in parts', () => {
  const root = temporaryFolder();
  const line = 'x'.repeat(999);
  writeFileSync(join(root, 'live.jsonl'), `${line}\n`.repeat(2000));
  let [position, count, parts] = ['', 0, 0];
  for (;;) {
    const next = newLines(root, position);
    if (next.lines.length === 0) break;
    expect(new Set(next.lines)).toEqual(new Set([line]));
    [position, count, parts] = [next.position, count + next.lines.length, parts + 1];
  }
  expect([count, parts]).toEqual([2000, 2]);
});
