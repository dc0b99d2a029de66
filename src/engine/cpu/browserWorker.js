/** A worker of the CPU engine in a browser. */
import { serveRuns } from './workerLoop.js';

self.onmessage = ({ data }) => serveRuns(data, (text) => self.postMessage(text));
