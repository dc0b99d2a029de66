/** Both networks in their present state, for single images: opened on demand, and again after training. */

import { open } from '../src/browser.js';
import type { Network } from '../src/library/network.js';
import type { Prediction } from '../src/program/predictions.js';
import { softmax } from '../src/softmax.js';
import { type Part, parts } from './parts.js';
import type { Answer } from './protocol.js';
import { parametersOf, type TrainingState } from './training.js';

export interface Trial {
  ask(state: TrainingState, image: Uint8Array): Promise<Record<Part, Answer | null>>;
}

export function trial(): Trial {
  const opened = new Map<Part, { readonly parameters: Uint8Array; readonly network: Network }>();
  const current = async (part: Part, parameters: Uint8Array): Promise<Network> => {
    const known = opened.get(part);
    if (known && areEqual(known.parameters, parameters)) return known.network;
    opened.delete(part);
    await known?.network.close();
    // Enough for one image.
    const network = await open(parameters, { device: 'cpu', threads: 1, batchSize: 1 });
    opened.set(part, { parameters, network });
    return network;
  };
  return {
    ask: async (state, image) => {
      const parameters = parametersOf(state);
      const answers: Record<Part, Answer | null> = { float: null, learned: null };
      for (const part of parts) {
        const own = parameters[part];
        if (!own) continue;
        const network = await current(part, own);
        const [prediction] = await network.predict(image);
        answers[part] = answerOf(prediction!, network.classes);
      }
      return answers;
    },
  };
}

function answerOf({ logits }: Prediction, classes: readonly string[]): Answer {
  return softmax(logits)
    .map((probability, label) => ({ name: classes[label]!, probability }))
    .sort((a, b) => b.probability - a.probability);
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
