/**
 * Downloads one file with progress and a checksum. A broken download is kept and goes on where it stopped (an HTTP
 * Range request), in this run or the next; FILE itself appears only once its checksum is right.
 *
 * Each download writes to a part of its own, FILE.part.HOST.PID.ID, so that two at a time never share one. A failed one
 * leaves its part as FILE.part, which the next one takes over by renaming it: only one of several can. The part of a
 * killed process on the same machine is taken over, too.
 */
import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { codeOf, writeFault } from '../../disk/fileFault.js';
import { processExists } from '../../disk/processExists.js';
import { InputError } from '../../errors.js';
import type { OnProgress } from '../progress.js';

export interface RemoteFile {
  readonly url: string;
  readonly md5: string;
}

export interface DownloadOptions {
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Downloads `remote` to `target`.
 *
 * @throws InputError if the server cannot be reached, refuses, breaks off, or sends something unexpected, or if there
 *   is no place for the file
 */
export async function download(remote: RemoteFile, target: string, options: DownloadOptions): Promise<void> {
  await makeCacheFolder(path.dirname(target));
  const part = `${target}.part.${hostname()}.${process.pid}.${randomUUID()}`;
  await takeOver(target, part);
  try {
    await fetchAll(remote, part, options);
    const found = await md5Of(part);
    if (found === remote.md5) {
      await rename(part, target);
      return;
    }
    await rm(part);
    throw new InputError(
      `${remote.url}: what came has MD5 checksum ${found}, expected ${remote.md5}; ` +
        `try again, or put the right file to ${target}`,
    );
  } catch (error) {
    await rename(part, `${target}.part`).catch(() => undefined);
    throw writeFault(error, target);
  }
}

/** Renames the part of an earlier download to `part`, the longest of several. */
async function takeOver(target: string, part: string): Promise<void> {
  const folder = path.dirname(target);
  const left = (await readdir(folder)).filter((name) => isLeft(name, path.basename(target)));
  const sized = await Promise.all(left.map(async (name) => ({ name, size: await sizeOf(path.join(folder, name)) })));
  for (const { name } of sized.sort((a, b) => b.size - a.size)) {
    // Another process may have been faster.
    const isOurs = await rename(path.join(folder, name), part).then(
      () => true,
      () => false,
    );
    if (isOurs) return;
  }
}

/** Tells whether `name` is a part of `file` that no running process writes. */
function isLeft(name: string, file: string): boolean {
  if (name === `${file}.part`) return true;
  const owner = `${file}.part.${hostname()}.`;
  return name.startsWith(owner) && !processExists(Number.parseInt(name.slice(owner.length), 10));
}

async function makeCacheFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new InputError(`${folder}: cannot be written (${codeOf(error)}); XDG_CACHE_HOME names another cache folder`);
  }
}

/** Retries after a break as long as each attempt brings some bytes. */
async function fetchAll(remote: RemoteFile, part: string, options: DownloadOptions): Promise<void> {
  for (;;) {
    const before = await sizeOf(part);
    try {
      await fetchRest(remote, part, before, options);
      return;
    } catch (error) {
      if (error instanceof InputError) throw error;
      if ((await sizeOf(part)) > before) continue;
      throw new InputError(`${remote.url}: cannot be fetched (${causeOf(error)})`);
    }
  }
}

async function fetchRest(remote: RemoteFile, part: string, from: number, options: DownloadOptions): Promise<void> {
  const { fetch = globalThis.fetch, onProgress } = options;
  // Without this, some servers would declare a .gz file as compressed transfer, and fetch would unpack it.
  const headers = { 'Accept-Encoding': 'identity', ...(from > 0 && { Range: `bytes=${from}-` }) };
  const response = await fetch(remote.url, { headers });
  // 416: the server has no more bytes; the checksum decides whether the file is complete.
  if (response.status === 416 && from > 0) return;
  if (!response.ok || !response.body) {
    throw new InputError(`${remote.url}: the server answers ${response.status} ${response.statusText}`);
  }
  // A server without ranges answers 200 and starts from the beginning.
  const resumed = response.status === 206;
  let done = resumed ? from : 0;
  const total = done + Number(response.headers.get('content-length') ?? 0);
  const file = await open(part, resumed ? 'a' : 'w');
  try {
    for await (const chunk of response.body) {
      await file.write(chunk);
      done += chunk.length;
      onProgress?.({ task: `download ${path.posix.basename(remote.url)}`, done, total: Math.max(done, total) });
    }
  } finally {
    await file.close();
  }
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

async function md5Of(file: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

/** The reason of a failure (no such host, refused, reset), which fetch hides in `cause`. */
function causeOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message ? cause.message : message;
}
