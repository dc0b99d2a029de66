/**
 * Decodes images in child processes, ahead of the engine. Worker threads would not help: sharp decodes on libuv's
 * threads, and Node gives a process four of them, however many workers share it. So there is one process for every four
 * threads. Pixels come back through a pipe (1.2 GB/s measured, three times the rate of `process.send` messages),
 * straight into their place in the batch.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Size } from '../crops.js';
import type { Decoders, Framing } from '../imageStream.js';
import { undecodable } from './undecodable.js';

interface Job {
  readonly file: string;
  readonly target: Uint8Array | null;
  resolve(size: Size): void;
  reject(error: Error): void;
}

interface Request {
  readonly id: number;
  readonly file: string;
  readonly framing?: Framing;
}

/** Number of libuv threads of a Node process. */
export const threadsPerProcess = 4;

/**
 * Makes decoders, whose processes start with the first image.
 *
 * @param threads by default as many as the machine has
 * @param remedy for an image that cannot be decoded; by default for one of a running training, whose images must not
 *   change
 */
export function createDecoders(threads = availableParallelism(), remedy = 'put a sound copy in its place'): Decoders {
  const count = Math.ceil(threads / threadsPerProcess);
  let processes: DecoderProcess[] | undefined;
  let turn = 0;
  const submit = (file: string, framing: Framing | undefined, target: Uint8Array | null): Promise<Size> => {
    processes ??= Array.from({ length: count }, (_, index) =>
      startProcess(Math.ceil((threads - index) / count), remedy),
    );
    turn = (turn + 1) % count;
    return processes[turn]!.submit(file, framing, target);
  };
  return {
    threads,
    measure: (file) => submit(file, undefined, null),
    decode: submit,
    close: async () => {
      await Promise.all((processes ?? []).map(({ close }) => close()));
    },
  };
}

interface DecoderProcess {
  submit(file: string, framing: Framing | undefined, target: Uint8Array | null): Promise<Size>;
  close(): Promise<void>;
}

function startProcess(atOnce: number, remedy: string): DecoderProcess {
  const child = fork(fileURLToPath(new URL('./decoder.js', import.meta.url)), [String(atOnce)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'ipc'],
  });
  const pipe = child.stdio[3] as Socket;
  const keepAlive = (isBusy: boolean): void => {
    for (const handle of [child, child.channel, pipe]) {
      if (isBusy) handle?.ref();
      else handle?.unref();
    }
  };
  const jobs = new Map<number, Job>();
  let isClosed = false;
  const abandon = (reason: string): void => {
    for (const { reject } of jobs.values()) reject(new Error(reason));
    jobs.clear();
  };
  const ended = new Promise<void>((resolve) => {
    const end = (reason: string): void => {
      isClosed = true;
      abandon(reason);
      resolve();
    };
    child.once('error', (error) => end(`the decoder of images cannot run: ${error.message}`));
    child.once('exit', (code, signal) => {
      pipe.destroy();
      end(`a decoder of images ended (${signal ?? `exit code ${code}`}) before its images were decoded`);
    });
  });
  // A broken pipe means that the process ends; its `exit` event reports that.
  pipe.on('error', () => child.kill());
  receive(pipe, jobs, remedy, () => {
    // Results that arrive while it closes are dropped, and its end is awaited.
    if (!isClosed) keepAlive(false);
  });
  keepAlive(false);
  const send = collectRequests(child);
  let nextId = 0;
  return {
    submit: (file, framing, target) =>
      new Promise((resolve, reject) => {
        if (isClosed) {
          reject(new Error('the decoder of images has ended'));
          return;
        }
        const id = nextId++ % 2 ** 32;
        if (jobs.size === 0) keepAlive(true);
        jobs.set(id, { file, target, resolve, reject });
        send(framing ? { id, file, framing } : { id, file });
      }),
    close: async () => {
      isClosed = true;
      abandon('the decoder of images was closed');
      keepAlive(true);
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** Collects the requests of one turn of the event loop into one message. */
function collectRequests(child: ChildProcess): (request: Request) => void {
  let requests: Request[] = [];
  return (request) => {
    if (requests.push(request) > 1) return;
    queueMicrotask(() => {
      // The jobs of a process that has just ended are rejected on its `exit` event.
      if (child.connected) child.send(requests, () => {});
      requests = [];
    });
  };
}

const headerBytes = 16;

/** Splits the stream of `decoder.js` into frames, in whatever pieces it arrives. */
function receive(stream: Socket, jobs: Map<number, Job>, remedy: string, onIdle: () => void): void {
  const header = Buffer.alloc(headerBytes);
  const word = (position: number) => header.readUInt32LE(4 * position);
  let filled = 0;
  let payload: Uint8Array = header;
  let atHeader = true;
  stream.on('data', (chunk: Buffer) => {
    let read = 0;
    while (read < chunk.length) {
      const piece = chunk.subarray(read, read + payload.length - filled);
      payload.set(piece, filled);
      read += piece.length;
      filled += piece.length;
      if (filled < payload.length) return;
      filled = 0;
      if (atHeader && word(3) > 0) {
        atHeader = false;
        payload = placeOf(jobs.get(word(0)), word(1), word(3));
        continue;
      }
      settle(jobs, word(0), { width: word(1), height: word(2) }, payload, remedy);
      if (jobs.size === 0) onIdle();
      atHeader = true;
      payload = header;
    }
  });
}

/**
 * The buffer for a frame: the batch's own bytes, or a throw-away one for errors, abandoned jobs and images of another
 * size.
 */
function placeOf(job: Job | undefined, width: number, length: number): Uint8Array {
  return job?.target && width > 0 && job.target.length === length ? job.target : new Uint8Array(length);
}

function settle(jobs: Map<number, Job>, id: number, size: Size, payload: Uint8Array, remedy: string): void {
  const job = jobs.get(id);
  if (!job) return;
  jobs.delete(id);
  const { file, target, resolve, reject } = job;
  if (size.width === 0) {
    // Measured ones are not in use yet.
    reject(undecodable(file, Buffer.from(payload).toString(), target ? remedy : undefined));
  } else {
    resolve(size);
  }
}
