import type { Engine } from './engine.js';

/**
 * The engine with more channels, of zeros, where its kernels are faster with that many (`passes/filledChannels.ts`); what
 * is read and written is without them.
 */
export function fillingEngine(engine: Engine): Engine {
  const { channelMultiple: multiple = 1, load, loadTogether } = engine;
  const programs = () => import('./filledPrograms.js');
  return {
    ...engine,
    // Pages whose networks have multiples already need not fetch the rest.
    load: async (plan, onProgress) =>
      Object.values(plan.phases)
        .flat()
        .some(({ op, results }) => op === 'conv2d' && results.y.shape[3]! % multiple)
        ? (await programs()).load(load, multiple, plan, onProgress)
        : load(plan, onProgress),
    ...(loadTogether && {
      loadTogether: async (plans, onProgress) =>
        (await programs()).loadTogether(loadTogether, multiple, plans, onProgress),
    }),
  };
}
