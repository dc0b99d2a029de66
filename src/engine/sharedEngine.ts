/** An engine that trainings of one process share: those whose plans are equal compute together. */

import type { Plan } from '../graph/plan.js';
import type { Engine, LoadProgress, Program } from './engine.js';

/** A training's part in a shared engine. */
export interface Share {
  /** Loads when all trainings have asked it to, or have left; whoever shares it does not dispose of it. */
  readonly engine: Engine;
  /** Lets the others load and compute without this training, at the latest when it has ended. */
  leave(): void;
}

interface Asked {
  readonly plan: Plan;
  readonly onProgress: LoadProgress | undefined;
  readonly answer: (program: Promise<Program>) => void;
}

/** Shares an engine among so many trainings, each of which loads one plan. */
export function sharedEngine(engine: Engine, trainings: number): readonly Share[] {
  /** By what makes plans equal. */
  const asked = new Map<string, Asked[]>();
  let awaited = trainings;
  const arrived = (): void => {
    awaited--;
    if (awaited > 0) return;
    for (const alike of asked.values()) loadAlike(engine, alike);
  };
  return Array.from({ length: trainings }, (): Share => {
    let isAwaited = true;
    let program: Promise<Program> | null = null;
    const arrive = (): void => {
      if (isAwaited) arrived();
      isAwaited = false;
    };
    const load: Engine['load'] = async (plan, onProgress) => {
      if (program) throw new Error('a training that shares an engine loads one plan');
      program = new Promise((answer) => {
        const key = JSON.stringify(plan);
        asked.set(key, [...(asked.get(key) ?? []), { plan, onProgress, answer }]);
        arrive();
      });
      return program;
    };
    const leave = (): void => {
      arrive();
      // Whoever has asked for it gets the error.
      program?.then(({ dispose }) => dispose()).catch(() => {});
    };
    return { engine: { ...engine, load, dispose: async () => {} }, leave };
  });
}

/** Loads a plan for all that ask for it. */
function loadAlike(engine: Engine, alike: readonly Asked[]): void {
  const [{ plan, onProgress }] = alike as [Asked];
  const programs = engine.loadTogether?.(plan, alike.length, onProgress);
  for (const [index, { answer }] of alike.entries()) {
    answer(programs ? programs.then((loaded) => loaded[index]!) : engine.load(plan, onProgress));
  }
}
