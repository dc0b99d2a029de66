import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { InputError } from '../../errors.js';
import type { Progress } from '../progress.js';
import { loadCifar } from './cifar.js';
import { cifar10 } from './cifarSets.js';
import { download } from './download.js';

const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => (index * index) >> 3));
const md5 = createHash('md5').update(content).digest('hex');

let root: string;
let target: string;
let server: Server;
let url: string;
let requests: IncomingMessage[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;

const startOf = (request: IncomingMessage) => Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);

/** Honours ranges; breaks the connection after `most` bytes. */
function serve(most = Number.POSITIVE_INFINITY): typeof answer {
  return (request, response) => {
    const rest = content.subarray(startOf(request));
    if (rest.length === 0) return response.writeHead(416).end();
    response.writeHead(request.headers.range ? 206 : 200, { 'Content-Length': rest.length });
    if (rest.length <= most) return response.end(rest);
    return response.write(rest.subarray(0, most), () => setTimeout(() => response.destroy(), 20));
  };
}

beforeEach(async () => {
  root = temporaryFolder();
  target = path.join(root, 'cache', 'file.bin');
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.bin`;
});
afterEach(() => {
  server.close();
});

describe('download', () => {
  it('reports progress up to the whole', async () => {
    answer = serve();
    const reports: Progress[] = [];
    await download({ url, md5 }, target, { onProgress: (progress) => reports.push(progress) });
    expect(content.equals(await readFile(target))).toBe(true);
    expect(existsSync(`${target}.part`)).toBe(false);
    expect(reports.at(-1)).toEqual({ task: 'download file.bin', done: content.length, total: content.length });
    expect(reports.every(({ total }) => total === content.length)).toBe(true);
    expect(requests[0]!.headers['accept-encoding']).toBe('identity');
  });

  it('goes on where the connection broke', async () => {
    answer = serve(120_000);
    await download({ url, md5 }, target, {});
    expect(content.equals(await readFile(target))).toBe(true);
    expect(requests.length).toBeGreaterThan(1);
    expect(startOf(requests.at(-1)!)).toBeGreaterThan(0);
  });

  it('goes on where an earlier run stopped', async () => {
    answer = serve();
    await download({ url, md5 }, target, {});
    await rm(target);
    await writeFile(`${target}.part`, content.subarray(0, 1000));
    await download({ url, md5 }, target, {});
    expect(requests.at(-1)!.headers.range).toBe('bytes=1000-');
    expect(content.equals(await readFile(target))).toBe(true);
  });

  it('shares its part with no other download', async () => {
    const responses: ServerResponse[] = [];
    answer = (request, response) => {
      // Both have begun before either gets anything, and each gets half at first.
      response.writeHead(200, { 'Content-Length': content.length });
      response.write(content.subarray(0, 150_000));
      responses.push(response);
      if (responses.length < 2) return;
      setTimeout(() => {
        for (const each of responses) each.end(content.subarray(150_000));
      }, 50);
      expect(request.headers.range).toBeUndefined();
    };
    await Promise.all([download({ url, md5 }, target, {}), download({ url, md5 }, target, {})]);
    expect(content.equals(await readFile(target))).toBe(true);
    expect(await readdir(path.dirname(target))).toEqual(['file.bin']);
  });

  it('takes over the part of a process that was killed, and of no living one', async () => {
    answer = serve();
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(`${target}.part.${hostname()}.${pid}.x`, content.subarray(0, 1000));
    const others = [`file.bin.part.${hostname()}.${process.pid}.x`, `file.bin.part.elsewhere.${pid}.x`];
    for (const name of others) await writeFile(path.join(root, 'cache', name), content.subarray(0, 2000));
    await download({ url, md5 }, target, {});
    expect(requests.at(-1)!.headers.range).toBe('bytes=1000-');
    expect(content.equals(await readFile(target))).toBe(true);
    expect((await readdir(path.dirname(target))).toSorted()).toEqual(['file.bin', ...others].toSorted());
  });

  it('leaves to the next one what it has got when it fails', async () => {
    answer = (request, response) =>
      startOf(request) > 0 ? response.writeHead(500).end() : serve(5000)(request, response);
    await expect(download({ url, md5 }, target, {})).rejects.toThrow('answers 500');
    expect(await readdir(path.dirname(target))).toEqual(['file.bin.part']);
  });

  it('finishes a part that is already whole', async () => {
    answer = serve();
    await download({ url, md5 }, target, {});
    await rm(target);
    await writeFile(`${target}.part`, content);
    await download({ url, md5 }, target, {});
    expect(content.equals(await readFile(target))).toBe(true);
  });

  it('starts anew where the server knows no ranges', async () => {
    answer = (_, response) => response.writeHead(200).end(content);
    await download({ url, md5 }, target, {}).then(() => rm(target));
    await writeFile(`${target}.part`, 'something else');
    await download({ url, md5 }, target, {});
    expect(content.equals(await readFile(target))).toBe(true);
  });

  it('keeps nothing of a file with a wrong checksum', async () => {
    answer = serve();
    const wrong = download({ url, md5: 'f'.repeat(32) }, target, {});
    await expect(wrong).rejects.toThrow(`MD5 checksum ${md5}, expected ffff`);
    await expect(wrong).rejects.toBeInstanceOf(InputError);
    expect(existsSync(target) || existsSync(`${target}.part`)).toBe(false);
  });

  it('gives up when an attempt brings nothing', async () => {
    answer = (request) => request.socket.destroy();
    await expect(download({ url, md5 }, target, {})).rejects.toThrow(InputError);
    expect(requests).toHaveLength(1);
  });

  it('says that its folder cannot be written', async () => {
    answer = serve();
    const file = path.join(root, 'file');
    await writeFile(file, '');
    const nowhere = download({ url, md5 }, path.join(file, 'cache', 'file.bin'), {});
    await expect(nowhere).rejects.toThrow(`${file}/cache: cannot be written (ENOTDIR); XDG_CACHE_HOME names another`);
    await expect(nowhere).rejects.toBeInstanceOf(InputError);
    expect(requests).toHaveLength(0);
  });

  it('says what the server answers', async () => {
    answer = (_, response) => response.writeHead(404).end();
    await expect(download({ url, md5 }, target, {})).rejects.toThrow('the server answers 404 Not Found');
  });
});

describe('cifar10 without any files', () => {
  const folders = () => ({ cacheDirectory: path.join(root, 'cache'), dataDirectory: path.join(root, 'data') });
  const mend = /put https:\S+cifar-10-binary\.tar\.gz into \.\/data or .*--data synthetic$/;

  it('asks for the official archive and checks it', async () => {
    answer = serve();
    const asked: unknown[] = [];
    const fetch: typeof globalThis.fetch = (input, init) => {
      asked.push(input);
      return globalThis.fetch(url, init);
    };
    const loading = loadCifar(cifar10, undefined, { ...folders(), fetch });
    await expect(loading).rejects.toThrow(`expected ${cifar10.binary.md5}`);
    expect(asked).toEqual([cifar10.binary.url]);
  });

  it('says what to do when offline', async () => {
    const fetch = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND') }));
    const loading = loadCifar(cifar10, undefined, { ...folders(), fetch });
    await expect(loading).rejects.toThrow(mend);
    await expect(loading).rejects.toThrow('getaddrinfo ENOTFOUND');
    await expect(loading).rejects.toBeInstanceOf(InputError);
  });

  it('fetches nothing where that is not wanted', async () => {
    const loading = loadCifar(cifar10, undefined, { ...folders(), download: false });
    await expect(loading).rejects.toThrow(mend);
  });
});
