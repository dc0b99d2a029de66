/** The worker: trains where it may wait for threads, and answers with what came of it, or with what went wrong. */

import { train } from 'mixed-precision-dnns/browser';
import { smallTraining } from './smallTraining.js';

self.onmessage = async ({ data: place }) => {
  try {
    const { summary, lastParameters } = await train(smallTraining(place));
    self.postMessage({ device: summary?.device, parameters: lastParameters });
  } catch (error) {
    self.postMessage({ fault: (error as Error).message });
  }
};
