/**
 * A lock on a run folder: only one process trains in it, whichever command started it and wherever it runs.
 *
 * The lock of `OUT/NAME` is the folder `OUT/.NAME.lock` with one empty file, whose name tells the owner; so it also
 * covers the time before the run folder exists, and the time in which it is replaced. Three operations change it, and
 * each is one atomic call of the file system:
 *
 * - *take*: a prepared folder with the owner's file is renamed to the lock's name, which fails if a folder that is not
 *   empty is there;
 * - *take over* from a dead owner: its file is renamed to a new owner's name, which fails for all but the first, since
 *   the old name is gone then;
 * - *release*: the file is removed, and then the folder, which fails if the next owner has taken it already.
 *
 * An owner on this machine is dead if no process has its id, or one that began at another time. For an owner on another
 * machine only the time of its file counts, which it renews every few seconds, and which is compared with that of a
 * file written now, so that no two clocks are compared.
 */

import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { discard, makeFolder } from '../disk/durableFile.js';
import { codeOf, writeFault } from '../disk/fileFault.js';
import { processExists } from '../disk/processExists.js';
import { InputError } from '../errors.js';

export interface Lock {
  /** Throws if another process has taken the folder over, since this one has not renewed its file for too long. */
  check(): void;
  /** Releases the lock; does nothing the second time. The end of the process does it, too. */
  release(): void;
}

export interface LockOptions {
  /** The owner's work in the folder, for the message to others: `trains`. */
  readonly does: string;
  /** Called with lines for the user: a lock taken over, or a wait for a sign of life. */
  readonly onLine: (line: string) => void;
  /** Milliseconds between two renewals of the file. */
  readonly beatMs?: number;
  /** Milliseconds without a renewal after which an owner on another machine is dead. */
  readonly staleMs?: number;
}

interface Owner {
  /** The name of its file. */
  readonly name: string;
  readonly pid: number;
  /** Start time of the process as the system counts it; `-` if unknown. */
  readonly started: string;
  /** Tells apart machines, containers and boots of one host name; `-` if unknown. */
  readonly machine: string;
  readonly host: string;
}

/** Milliseconds without a renewal after which an owner on another machine is dead. */
const STALE_MS = 60_000;
/** Milliseconds between attempts: long enough for a slow rename on a shared disk, short enough to wait for. */
const WAIT_MS = 20;
/** Milliseconds after which a folder with an unknown file is no longer taken for a lock in the middle of a change. */
const STRANGE_MS = 5000;
/**
 * Attempts that find nothing at the folder above, and the folder there, after which it is taken for one such as /proc, in
 * which nothing can be made. Before, another start that failed may have removed it, and a third may have made it again.
 */
const REFUSALS = 5;

/**
 * Locks the folder at `root`, which need not exist. Makes the folders above it.
 *
 * @throws InputError naming the owner, if a living process holds it, or if the place cannot be written
 */
export async function lockFolder(root: string, options: LockOptions): Promise<Lock> {
  const { does, onLine, beatMs = 10_000, staleMs = STALE_MS } = options;
  const place = placeOf(root);
  const self = thisProcess();
  const made = makeFolder(dirname(root));
  const started = performance.now();
  for (let refusals = 0; ; ) {
    const obstacle = take(place, self, root);
    if (!obstacle) break;
    if (codeOf(obstacle) === 'ENOENT' && makeFolder(dirname(root)).length === 0 && ++refusals === REFUSALS) {
      throw writeFault(obstacle, root);
    }
    const owner = ownerOf(place);
    if (owner) {
      if (await isAlive(owner, place, { staleMs, onLine })) {
        throw new InputError(
          `${root}: process ${owner.pid} on ${owner.host} ${does} in it; wait for its end, or choose another --out`,
        );
      }
      if (takeOver(place, owner, self)) {
        onLine(`${root}: taken over from process ${owner.pid} on ${owner.host}, which has ended without a word`);
        break;
      }
    } else if (existsSync(place) && performance.now() - started > STRANGE_MS) {
      throw new InputError(`${place}: is in the way and no lock; remove it`);
    }
    await sleep(WAIT_MS);
  }
  return held(root, place, self, made, beatMs);
}

/**
 * Tells whether another process trains in the folder at `root`, without waiting: an owner on another machine counts if
 * it has renewed its file within a minute, as far as the clocks agree.
 */
export function isLocked(root: string): boolean {
  const place = placeOf(root);
  const owner = ownerOf(place);
  if (!owner) return false;
  return isAliveHere(owner) ?? Date.now() - (timeOf(join(place, owner.name)) ?? 0) < STALE_MS;
}

function placeOf(root: string): string {
  return join(dirname(root), `.${basename(root)}.lock`);
}

/** Functions that give back the locks of this process. One listener calls all of them, since Node warns of many. */
const releases = new Set<() => void>();

/** The last first: folders that the first one has made are empty then. */
function releaseAll(): void {
  for (const release of [...releases].toReversed()) release();
}

function held(root: string, place: string, self: Owner, made: readonly string[], beatMs: number): Lock {
  const file = join(place, self.name);
  const beat = setInterval(() => {
    try {
      renew(file);
    } catch {
      // The disk may be full or away for a while; `check` throws if that lasts.
    }
  }, beatMs).unref();
  const release = (): void => {
    clearInterval(beat);
    releases.delete(release);
    if (releases.size === 0) process.off('exit', releaseAll);
    discard(file);
    for (const folder of [place, ...made.toReversed()]) removeEmpty(folder);
  };
  if (releases.size === 0) process.once('exit', releaseAll);
  releases.add(release);
  return {
    release,
    check: () => {
      if (renew(file)) return;
      throw new Error(
        `${root}: another process has taken it over, since this one gave no sign of life; nothing is written`,
      );
    },
  };
}

/** Takes a free lock for `self`; returns the error if it is not free, or if the folder above is not there. */
function take(place: string, self: Owner, root: string): unknown {
  const aside = `${place}.${self.name}`;
  try {
    mkdirSync(aside);
    writeFileSync(join(aside, self.name), '');
    renameSync(aside, place);
    return null;
  } catch (error) {
    discard(aside);
    switch (codeOf(error)) {
      case 'ENOTEMPTY':
      case 'EEXIST':
      case 'ENOENT':
        return error;
      case 'EPERM':
        // Windows reports this for any folder in the way.
        if (process.platform === 'win32') return error;
        throw writeFault(error, root);
      default:
        throw writeFault(error, root);
    }
  }
}

/** Takes the lock of a dead owner for `self`; false if another process was faster. */
function takeOver(place: string, owner: Owner, self: Owner): boolean {
  // Renaming keeps the file's time, so it is renewed first: others must not take it for a dead owner's.
  if (!renew(join(place, owner.name))) return false;
  try {
    renameSync(join(place, owner.name), join(place, self.name));
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw writeFault(error, place);
  }
}

/** Sets the file's time to now; false if it is gone. */
function renew(file: string): boolean {
  try {
    // Written instead of touched: the time then comes from the file system's clock, and no new file is made.
    writeFileSync(file, '.', { flag: 'r+' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw writeFault(error, file);
  }
}

/** Null if the lock is free, or in the middle of a change. */
function ownerOf(place: string): Owner | null {
  let names: string[];
  try {
    names = readdirSync(place);
  } catch {
    return null;
  }
  for (const name of names) {
    const match = /^(\d+)\.([\d-]+)\.([\w-]+)\.[0-9a-f]+\.(.+)$/.exec(name);
    if (!match) continue;
    const [, pid, started, machine, host] = match as unknown as [string, string, string, string, string];
    return { name, pid: Number(pid), started, machine, host: decodeURIComponent(host) };
  }
  return null;
}

async function isAlive(
  owner: Owner,
  place: string,
  { staleMs, onLine }: Required<Pick<LockOptions, 'staleMs' | 'onLine'>>,
): Promise<boolean> {
  const here = isAliveHere(owner);
  if (here !== null) return here;
  const file = join(place, owner.name);
  const first = timeOf(file);
  for (let looks = 0; ; looks++) {
    const now = timeOf(file);
    // Released or taken over in the meantime; the caller looks again.
    if (now === null) return false;
    if (now !== first) return true;
    if (currentTime(place) - now > staleMs) return false;
    if (looks === 0) onLine(`looking whether process ${owner.pid} on ${owner.host} still lives`);
    await sleep(Math.min(500, staleMs / 4));
  }
}

/** Null for an owner on another machine, or if the process id may be another's by now. */
function isAliveHere({ host, machine, started, pid }: Owner): boolean | null {
  if (host !== hostname() || machine !== thisMachine()) return null;
  if (started !== '-') return startOf(pid) === started;
  return processExists(pid) ? null : false;
}

/** The time of a file written now, by the clock of the lock's file system. */
function currentTime(place: string): number {
  const probe = `${place}.${process.pid}.now`;
  try {
    writeFileSync(probe, '');
    return statSync(probe).mtimeMs;
  } finally {
    discard(probe);
  }
}

function timeOf(file: string): number | null {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

function thisProcess(): Owner {
  const owner = { pid: process.pid, started: startOf(process.pid) ?? '-', machine: thisMachine(), host: hostname() };
  const { pid, started, machine, host } = owner;
  const random = randomBytes(8).toString('hex');
  return { ...owner, name: `${pid}.${started}.${machine}.${random}.${encodeURIComponent(host)}` };
}

/** Clock ticks between boot and the start of a process; null if there is none, or if the system does not tell. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the program's name, may contain anything; the state is the third, the start the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended.
    return fields[0] === 'Z' || fields[0] === 'X' ? null : fields[19]!;
  } catch {
    return null;
  }
}

/** Identifies the boot and, on Linux, the namespace (of a container) in which process ids are valid. */
function thisMachine(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    return createHash('sha256')
      .update(`${boot}${readlinkSync('/proc/self/ns/pid')}`)
      .digest('hex')
      .slice(0, 12);
  } catch {
    return '-';
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {}
}
