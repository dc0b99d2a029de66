/**
 * The CPU engine of Node with workers that serve one program after another. The engine starts them anew for each program,
 * which takes longer than nearly every case of the conformance suite.
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type CpuEngineOptions, openCpuEngine } from '../../src/engine/cpu/cpuEngine.js';
import { nodePlatform } from '../../src/engine/cpu/nodePlatform.js';
import type { Engine } from '../../src/engine/engine.js';

export async function createPooledCpuEngine(options: CpuEngineOptions): Promise<Engine> {
  const all: Worker[] = [];
  const idle: Worker[] = [];
  const started = () => {
    const worker = new Worker(new URL('./pooledWorker.js', import.meta.url));
    all.push(worker);
    return worker;
  };
  const startWorker = async () => {
    const worker = idle.pop() ?? started();
    return {
      post: (message: unknown) => worker.postMessage(message),
      ready: once(worker, 'message').then(() => {}),
      // By then its program has stopped it.
      terminate: async () => {
        idle.push(worker);
      },
    };
  };
  const engine = await openCpuEngine({ ...nodePlatform, startWorker }, options);
  return {
    ...engine,
    dispose: async () => {
      await engine.dispose();
      await Promise.all(all.map((worker) => worker.terminate()));
    },
  };
}
