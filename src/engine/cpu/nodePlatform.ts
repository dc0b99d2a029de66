/** The CPU engine's platform in Node. */

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { CpuPlatform, WorkerThread } from './platform.js';

export const nodePlatform: CpuPlatform = {
  threads: async () => ({ available: usableCores(), limit: null }),
  // Node 20 has relaxed SIMD behind a flag, which must be set before the first WebAssembly module is compiled.
  allowRelaxedSimd: async () => {
    if (Number.parseInt(process.versions.node, 10) < 22) setFlagsFromString('--experimental-wasm-relaxed-simd');
  },
  readKernels: async (file, level) =>
    new Uint8Array(await readFile(new URL(`./kernels-${file}-${level}.wasm`, import.meta.url))),
  startWorker: async () => startWorker(),
};

/**
 * The cores that this process may use: those of its affinity, limited by a Slurm job's share (SLURM_CPUS_PER_TASK) and
 * by the quota of its control group, as for containers.
 */
export function usableCores(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  quota: number | null = cpuQuota(readText),
): number {
  const slurm = Number(environment.SLURM_CPUS_PER_TASK);
  const limits = [availableParallelism(), slurm, Math.floor(quota ?? 0)].filter((cores) => cores >= 1);
  return Math.min(...limits);
}

/**
 * The CPU time a second that the control groups of this process may use; `null` for no limit. Only version 2 of Linux'
 * control groups: `cpu.max` holds the quota, or `max`, and the period, in microseconds.
 *
 * @param read the text of a file, or `null` if there is none
 */
export function cpuQuota(read: (path: string) => string | null): number | null {
  const group = /^0::(.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1];
  if (group === undefined) return null;
  const names = group.split('/').filter(Boolean);
  const groups = names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`);
  const quotas = ['', ...groups].flatMap((path) => {
    const [quota, period] = (read(`/sys/fs/cgroup${path}/cpu.max`) ?? 'max').trim().split(' ').map(Number);
    return quota && period ? [quota / period] : [];
  });
  return quotas.length === 0 ? null : Math.max(1, Math.min(...quotas));
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function startWorker(): WorkerThread {
  const worker = new Worker(new URL('./nodeWorker.js', import.meta.url));
  const ready = new Promise<void>((resolve, reject) => {
    worker.once('message', () => {
      worker.unref();
      resolve();
    });
    worker.on('error', reject);
  });
  return {
    post: (message) => worker.postMessage(message),
    ready,
    terminate: async () => {
      await worker.terminate();
    },
  };
}
