/** A worker of the CPU engine that serves one program after another (`pooledThreads.ts`). */
import { parentPort } from 'node:worker_threads';
import { serveRuns } from '../../src/engine/cpu/workerLoop.js';

parentPort.on('message', (message) => serveRuns(message, (text) => parentPort.postMessage(text)));
