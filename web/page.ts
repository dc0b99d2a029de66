/** The page: trains in a worker at the press of a button; tests call the functions that it puts on `window`. */

import { train } from 'mixed-precision-dnns/browser';
import { smallTraining } from './smallTraining.js';

type Place = Parameters<typeof smallTraining>[0];

export interface Answer {
  readonly device?: string;
  readonly parameters?: readonly number[];
  readonly fault?: string;
}

async function trainInWorker(place: Place): Promise<Answer> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  try {
    worker.postMessage(place);
    const { data } = await new Promise<MessageEvent>((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = ({ message }) => reject(new Error(message));
    });
    return { ...data, parameters: data.parameters && Array.from(data.parameters) };
  } finally {
    worker.terminate();
  }
}

async function trainHere(place: Place): Promise<Answer> {
  try {
    const { summary, lastParameters } = await train(smallTraining(place));
    return { device: summary?.device ?? '', parameters: Array.from(lastParameters ?? []) };
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

const log = document.querySelector('#log')!;
document.querySelector('#train')!.addEventListener('click', async () => {
  log.textContent = 'training …';
  const { fault, device, parameters } = await trainInWorker({});
  log.textContent = fault ?? `trained on ${device}: a file of ${parameters?.length} bytes`;
});

Object.assign(window, { trainHere, trainInWorker });
