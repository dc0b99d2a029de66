import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { idleHost } from './nodeGpu.js';

type Collection = PerformanceEntry & { readonly detail: { readonly kind: number; readonly flags: number } };

it('collects young garbage, and gives no context a function for it', async () => {
  const typeBefore = runInNewContext('typeof gc');
  const kinds: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as Collection[]) {
      if (detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) kinds.push(detail.kind);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  idleHost.collect();
  idleHost.collect();
  await sleep(50);
  observer.disconnect();
  expect(kinds).toEqual([constants.NODE_PERFORMANCE_GC_MINOR, constants.NODE_PERFORMANCE_GC_MINOR]);
  expect(runInNewContext('typeof gc')).toBe(typeBefore);
});
