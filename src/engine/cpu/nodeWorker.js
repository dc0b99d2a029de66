/** A worker of the CPU engine in Node. */
import { parentPort } from 'node:worker_threads';
import { serveRuns } from './workerLoop.js';

parentPort.once('message', (message) => serveRuns(message, (text) => parentPort.postMessage(text)));
