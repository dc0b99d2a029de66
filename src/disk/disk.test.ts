import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { writeDurably } from './durableFile.js';
import { readFault, writeFault } from './fileFault.js';
import { userPath } from './userPath.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'disk-'));
});

function faultOf(action: () => unknown, path: string, inWords: typeof readFault): unknown {
  try {
    action();
  } catch (error) {
    return inWords(error, path);
  }
  throw new Error('it works');
}

describe('faults of the file system', () => {
  it.each([
    ['missing', 'no such file'],
    ['file/below', 'a part of this path is no folder'],
    ['dangling', 'a link to a place where nothing is'],
    ['loop', 'a link that leads back to itself'],
    ['x'.repeat(300), 'longer than names of files may be'],
    ['null\0', 'holds a null character'],
    ['.', 'is a folder, a file is wanted'],
  ])('%s is a fault of the call, in words', (name, words) => {
    writeFileSync(join(folder, 'file'), '');
    if (!readdirSync(folder).includes('loop')) {
      symlinkSync('nowhere', join(folder, 'dangling'));
      symlinkSync('loop', join(folder, 'loop'));
    }
    const path = join(folder, name);
    const fault = faultOf(() => readFileSync(path), path, readFault);
    expect(fault).toBeInstanceOf(InputError);
    expect((fault as Error).message).toContain(words);
  });

  it('are told when writing, too', () => {
    const path = join(folder, 'x'.repeat(300));
    const fault = faultOf(() => mkdirSync(path), path, writeFault);
    expect(fault).toBeInstanceOf(InputError);
    expect(() => writeDurably(folder, '')).toThrow(`${folder}: is a folder, a file is wanted; give another name`);
  });

  it('of the program stay what they are', () => {
    const fault = new TypeError('x');
    expect(readFault(fault, 'file')).toBe(fault);
    expect(writeFault(fault, 'file')).toBe(fault);
  });
});

describe('a path of a user', () => {
  it('may begin at the home folder', () => {
    expect(userPath('~')).toBe(homedir());
    expect(userPath('~/pictures/a')).toBe(join(homedir(), 'pictures/a'));
    expect(statSync(userPath('~')).isDirectory()).toBe(true);
  });

  it('is otherwise what it says', () => {
    for (const text of ['a/~/b', './~', '/x', 'C:\\x', 'a~']) expect(userPath(text)).toBe(text);
  });

  it('does not begin at the home of another user', () => {
    expect(() => userPath('~root/x')).toThrow('write out the home folder of another user');
  });
});
