import { describe, expect, it } from 'vitest';
import { engineConformance } from '../../../test/engine/conformance.js';
import { createCpuEngine } from './cpuEngine.js';

for (const simd of ['relaxed', 'simd'] as const) {
  for (const threads of [1, 2]) {
    engineConformance(`cpu (${simd}, ${threads})`, () => createCpuEngine({ simd, threads }), {
      relative: 1e-5,
      table: 1e-5,
    });
  }
}

describe('createCpuEngine', () => {
  it('refuses thread counts that it cannot start', async () => {
    for (const threads of [0, 1.5, 1000]) {
      await expect(createCpuEngine({ threads })).rejects.toThrow('threads');
    }
  });
});
