/**
 * An engine that trainings of one process share. Those whose plans are alike compute together; where the memory does not
 * hold all of them, some wait until the others have ended.
 */

import type { Plan } from '../graph/plan.js';
import type { Engine, LoadProgress, Program } from './engine.js';

/** A training's part in a shared engine. */
export interface Share {
  /** Loads one plan, when all trainings have asked it to, or have left; whoever shares it does not dispose of it. */
  readonly engine: Engine;
  /** Lets the others load and compute without this training, at the latest when it has ended. */
  leave(): void;
}

interface Asked {
  readonly plan: Plan;
  readonly onProgress: LoadProgress | undefined;
  readonly answer: (program: Promise<Program>) => void;
  readonly fail: (error: unknown) => void;
}

export interface SharedOptions {
  /** When aborted, trainings that wait for a program get the signal's reason as an error. */
  readonly signal?: AbortSignal;
  /** Called when the memory holds so many trainings at a time of all that have asked. */
  readonly onFewer?: (atOnce: number, all: number) => void;
}

/** Shares an engine among so many trainings, each of which loads one plan. */
export function sharedEngine(
  engine: Engine,
  trainings: number,
  { signal, onFewer = () => {} }: SharedOptions = {},
): readonly Share[] {
  const places = Array.from({ length: trainings }, (_, place) => place);
  /** Trainings that have not asked for a program yet, … */
  const expected = new Set(places);
  /** … that wait for one, … */
  const waiting = new Map<number, Asked>();
  /** … and that have one, or get it just now. */
  const active = new Set<number>();
  const wait = (place: number, asked: Asked): void => {
    if (signal?.aborted) asked.fail(signal.reason);
    else waiting.set(place, asked);
  };
  const loadWaiting = async (): Promise<void> => {
    if (expected.size + active.size > 0 || waiting.size === 0) return;
    const all = [...waiting];
    waiting.clear();
    for (const [place] of all) active.add(place);
    try {
      const programs = await loadAll(
        engine,
        all.map(([, asked]) => asked),
      );
      const count = programs.filter((program) => program !== null).length;
      if (count < all.length) onFewer(count, all.length);
      for (const [index, [place, asked]] of all.entries()) {
        const program = programs[index];
        if (program) asked.answer(program);
        else {
          active.delete(place);
          wait(place, asked);
        }
      }
    } catch (error) {
      for (const [, { fail }] of all) fail(error);
    }
  };
  const stopWaiting = (): void => {
    for (const { fail } of waiting.values()) fail(signal?.reason);
    waiting.clear();
  };
  signal?.addEventListener('abort', stopWaiting, { once: true });
  return places.map((place): Share => {
    let program: Promise<Program> | null = null;
    const load: Engine['load'] = async (plan, onProgress) => {
      if (program) throw new Error('a training that shares an engine loads one plan');
      program = new Promise((answer, fail) => {
        expected.delete(place);
        wait(place, { plan, onProgress, answer, fail });
        void loadWaiting();
      });
      return program;
    };
    const leave = async (): Promise<void> => {
      expected.delete(place);
      waiting.get(place)?.fail(new Error('the training has left'));
      waiting.delete(place);
      // Whoever has asked for it gets the error.
      await program?.then(({ dispose }) => dispose()).catch(() => {});
      active.delete(place);
      await loadWaiting();
    };
    return { engine: { ...engine, load, dispose: async () => {} }, leave: () => void leave() };
  });
}

/** Loads the plans of all; null for those that the memory does not hold beside the others. */
async function loadAll(engine: Engine, asked: readonly Asked[]): Promise<readonly (Promise<Program> | null)[]> {
  const plans = asked.map(({ plan }) => plan);
  if (engine.loadTogether) return engine.loadTogether(plans, asked[0]?.onProgress);
  return asked.map(({ plan, onProgress }) => engine.load(plan, onProgress));
}
