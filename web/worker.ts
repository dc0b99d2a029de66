/** The worker: trains where threads may be waited for, and answers with the result or the error. */

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
