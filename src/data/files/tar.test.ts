import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tar from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { tarFiles } from './tar.js';

const deep = `${'long-folder-name/'.repeat(12)}file.bin`;
const contents = new Map([
  ['a.bin', Buffer.from('one')],
  ['dir/empty', Buffer.alloc(0)],
  ['dir/block', Buffer.alloc(512, 7)],
  [deep, Buffer.alloc(1000, 3)],
]);
const read = (bytes: Uint8Array) => new Map([...tarFiles(bytes)].map((file) => [file.name, Buffer.from(file.bytes)]));

describe('a tar archive', () => {
  it.each(['ustar', 'posix', 'gnu', 'v7'])('of format %s gives its files', (format) => {
    const folder = temporaryFolder();
    const written = new Map([...contents].filter(([name]) => format !== 'v7' || name !== deep));
    for (const [name, bytes] of written) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), bytes);
    }
    const archive = path.join(temporaryFolder(), 'x.tar');
    execFileSync('tar', ['-C', folder, `--format=${format}`, '-cf', archive, ...written.keys()]);
    expect(read(readFileSync(archive))).toEqual(written);
  });

  it('gives files only: no folders, no links', async () => {
    const pack = tar.pack();
    pack.entry({ name: 'folder', type: 'directory' });
    pack.entry({ name: 'link', type: 'symlink', linkname: 'a.bin' });
    pack.entry({ name: 'ümläut' }, 'x');
    pack.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of pack) chunks.push(chunk as Buffer);
    expect([...read(Buffer.concat(chunks)).keys()]).toEqual(['ümläut']);
  });

  it('says what is wrong with it', async () => {
    const pack = tar.pack();
    pack.entry({ name: 'a' }, Buffer.alloc(600, 1));
    pack.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of pack) chunks.push(chunk as Buffer);
    const whole = Buffer.concat(chunks);
    const changed = (at: number, byte: number) => Buffer.from(whole).fill(byte, at, at + 1);
    expect(() => read(whole.subarray(0, 900))).toThrow('it ends within a');
    expect(() => read(whole.subarray(0, 1700))).toThrow('it ends within a header');
    expect(() => read(Buffer.alloc(0))).toThrow('it ends within a header');
    expect(() => read(changed(0, 66))).toThrow('no header of a file at byte 0');
    expect(() => read(changed(125, 120))).toThrow('no header');
  });
});
