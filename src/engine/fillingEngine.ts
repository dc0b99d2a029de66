import type { Plan } from '../graph/plan.js';
import type { Engine } from './engine.js';
import type { Filled } from './filledProgram.js';

/**
 * The engine for networks of any number of channels, if its kernels are fast for multiples of a number: it computes with
 * more channels, of zeros (`passes/filledChannels.ts`).
 */
export function fillingEngine(engine: Engine, multiple: number): Engine {
  const { loadTogether } = engine;
  return {
    ...engine,
    load: async (given, onProgress) => {
      const { plan, programOf } = await fill(given, multiple);
      return programOf(await engine.load(plan, onProgress));
    },
    ...(loadTogether && {
      loadTogether: async (given, onProgress) => {
        const fillings = await Promise.all(given.map((plan) => fill(plan, multiple)));
        const plans = fillings.map(({ plan }) => plan);
        const programs = await loadTogether(plans, onProgress);
        return programs.map((program, index) => {
          const own = program?.then(fillings[index]!.programOf) ?? null;
          // The error is for whoever asks for the program.
          own?.catch(() => {});
          return own;
        });
      },
    }),
  };
}

async function fill(plan: Plan, multiple: number): Promise<Filled> {
  const isEven = Object.values(plan.phases).every((nodes) =>
    nodes.every(({ op, results }) => op !== 'conv2d' || results.y.shape[3]! % multiple === 0),
  );
  // Pages with such networks need not fetch the rest.
  if (isEven) return { plan, programOf: (program) => program };
  const { filled } = await import('./filledProgram.js');
  return filled(plan, multiple);
}
