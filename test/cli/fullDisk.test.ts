/** A full disk: the run stops with its last checkpoint, and is resumed when there is space again. */

import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { temporaryFolder } from '../temporaryFolder.js';
import { listing, mpdnn, resultFiles, succeeds, writeTinyConfig } from './runMpdnn.js';

/** Bytes that can still be written; what is replaced or removed gives none back. */
const disk = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, written: 0 }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const writeFileSync: typeof fs.writeFileSync = (file, content, options) => {
    const bytes =
      typeof content === 'string'
        ? Buffer.from(content)
        : Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    const fits = bytes.subarray(0, disk.left);
    disk.left -= fits.length;
    disk.written += fits.length;
    fs.writeFileSync(file, fits, options);
    if (fits.length < bytes.length)
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };
  return { ...fs, writeFileSync };
});

const folder = temporaryFolder();
const cfg = writeTinyConfig(folder);
const train = (out: string, ...more: string[]) => [
  'train',
  'BUDGET',
  '--cfg',
  cfg,
  '--no-plots',
  '--out',
  out,
  ...more,
];

it.each([0.5, 0.7, 0.9])('at %d of a run', async (part) => {
  const before = disk.written;
  await succeeds(train(`spacious-${part}`), folder);
  const out = `full-${part}`;
  disk.left = Math.floor(part * (disk.written - before));
  const { code, stdout, stderr } = await mpdnn(train(out), folder);
  disk.left = Number.POSITIVE_INFINITY;
  const lines = stderr.trimEnd().split('\n');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(lines.filter((line) => line.startsWith('mpdnn: '))).toEqual([lines.at(-1)]);
  expect(lines.at(-1)).toMatch(/^mpdnn: full-\S+: no space left on the disk; .* goes on with --resume/);
  expect(listing(join(folder, out)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  await succeeds(train(out, '--resume'), folder);
  expect(resultFiles(join(folder, out, 'BUDGET'))).toEqual(resultFiles(join(folder, `spacious-${part}`, 'BUDGET')));
});
