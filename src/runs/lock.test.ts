import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { InputError } from '../errors.js';
import { type Lock, type LockOptions, lockFolder } from './lock.js';

let out: string;
let place: string;
let lines: string[];
const locks: Lock[] = [];
beforeEach(() => {
  out = join(temporaryFolder(), 'made', 'here');
  place = join(out, '.A.lock');
  lines = [];
});
afterEach(() => {
  for (const lock of locks.splice(0)) lock.release();
});

async function locked(options: Partial<LockOptions> = {}): Promise<Lock> {
  const lock = await lockFolder(join(out, 'A'), { does: 'trains', onLine: (line) => lines.push(line), ...options });
  locks.push(lock);
  return lock;
}

/** The lock as another process, or machine, would have left it: changes the name of this process's lock file. */
async function leftBy(change: (fields: string[]) => void): Promise<string> {
  await locked();
  const [name] = readdirSync(place) as [string];
  const fields = name.split('.');
  change(fields);
  const file = join(place, fields.join('.'));
  renameSync(join(place, name), file);
  return file;
}

it('is taken once, before the folder exists, and leaves nothing', async () => {
  const lock = await locked();
  expect(readdirSync(out)).toEqual(['.A.lock']);
  await expect(locked()).rejects.toThrow(
    new InputError(
      `${join(out, 'A')}: process ${process.pid} on ${hostname()} trains in it; wait for its end, or choose another --out`,
    ),
  );
  lock.check();
  lock.release();
  lock.release();
  expect(existsSync(join(out, '..'))).toBe(false);
  const next = await locked();
  next.check();
  expect(lines).toEqual([]);
});

it('keeps a folder that holds more', async () => {
  const lock = await locked();
  writeFileSync(join(out, 'x'), '');
  lock.release();
  expect(readdirSync(out)).toEqual(['x']);
});

describe('of a dead owner is taken over with a line', () => {
  it('whose number no process has', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await leftBy((fields) => {
      fields[0] = String(pid);
    });
    const lock = await locked();
    expect(lines).toEqual([
      `${join(out, 'A')}: taken over from process ${pid} on ${hostname()}, which has ended without a word`,
    ]);
    expect(readdirSync(place)).toHaveLength(1);
    lock.check();
  });

  it.runIf(process.platform === 'linux')('whose number another process has now', async () => {
    await leftBy((fields) => {
      fields[1] = '1';
    });
    await locked();
    expect(lines).toEqual([expect.stringContaining(`taken over from process ${process.pid}`)]);
  });

  it('on another machine that has shown nothing for long', async () => {
    const file = await leftBy((fields) => {
      fields.splice(4, fields.length, 'elsewhere');
    });
    const before = new Date(Date.now() - 61_000);
    utimesSync(file, before, before);
    await locked();
    expect(lines).toEqual([expect.stringMatching(/taken over from process \d+ on elsewhere/)]);
  });

  it('on another machine after a wait, if it is seen for the first time', async () => {
    await leftBy((fields) => {
      fields.splice(4, fields.length, 'elsewhere');
    });
    await locked({ staleMs: 200 });
    expect(lines[0]).toBe(`looking whether process ${process.pid} on elsewhere still lives`);
    expect(lines[1]).toMatch(/taken over/);
  });
});

it('of an owner on another machine holds as long as it shows itself', async () => {
  const file = await leftBy((fields) => {
    fields.splice(4, fields.length, 'elsewhere');
  });
  const beat = setInterval(() => writeFileSync(file, '.'), 50);
  await expect(locked({ staleMs: 60_000 })).rejects.toThrow(/on elsewhere trains in it/);
  clearInterval(beat);
});

it('has no listener of its own for the end of the process, of which Node would warn', async () => {
  const listeners = process.listenerCount('exit');
  const held = await Promise.all(
    ['A', 'B', 'C'].map((name) => lockFolder(join(out, name), { does: 'trains', onLine: () => {} })),
  );
  expect(process.listenerCount('exit')).toBe(listeners + 1);
  process.listeners('exit').at(-1)!(0);
  expect(existsSync(out)).toBe(false);
  expect(process.listenerCount('exit')).toBe(listeners);
  for (const lock of held) lock.release();
});

it('shows the owner every few seconds', async () => {
  const lock = await locked({ beatMs: 10 });
  const [name] = readdirSync(place) as [string];
  const long = new Date(0);
  utimesSync(join(place, name), long, long);
  await vi.waitUntil(() => statSync(join(place, name)).mtimeMs > 0, 60_000);
  lock.check();
});

it('that was taken over stops its old owner before it writes', async () => {
  const lock = await locked();
  const [name] = readdirSync(place) as [string];
  renameSync(join(place, name), join(place, name.replace(/^\d+/, '1')));
  expect(() => lock.check()).toThrow(/another process has taken it over/);
  lock.release();
  expect(readdirSync(place)).toHaveLength(1);
});

it('is refused at once by a place in which nothing can be made', async () => {
  out = '/proc';
  const started = performance.now();
  await expect(locked()).rejects.toThrow(
    new InputError('/proc/A: cannot be made here; choose another folder with --out'),
  );
  expect(performance.now() - started).toBeLessThan(2000);
});

it('is not mistaken for what else stands in its place', async () => {
  mkdirSync(out, { recursive: true });
  writeFileSync(place, '');
  await expect(locked()).rejects.toThrow(InputError);
  expect(readdirSync(out)).toEqual(['.A.lock']);
});
