/**
 * The suite judged: a reference engine that keeps its storages in float32 passes, so no case that spans several steps
 * sits so near a jump that rounding tips it.
 */

import { expect, it } from 'vitest';
import type { Engine, Program } from '../../src/engine/engine.js';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import { definitions } from '../../src/ops/index.js';
import { engineConformance, families } from './conformance.js';

engineConformance('float32-storing', async () => storingFloat32(createReferenceEngine()));

it('has cases of every operation', () => {
  const cases = Object.values(families).flat();
  const covered = new Set(cases.flatMap(({ plan }) => Object.values(plan.phases).flat()).map(({ op }) => op));
  expect([...covered].sort()).toEqual(Object.keys(definitions).sort());
});

/** Rounds what a run leaves in float storages. */
function storingFloat32(engine: Engine): Engine {
  return {
    ...engine,
    load: async (plan) => {
      const program: Program = await engine.load(plan);
      return {
        ...program,
        run: async (phase) => {
          await program.run(phase);
          for (const { name, dtype } of plan.storages) {
            if (dtype === 'float') program.write(name, Float32Array.from(await program.read(name)));
          }
        },
      };
    },
  };
}
