import { sideBySide } from '../../src/engine/gpu/dispatchOrder.js';
import type { KernelCall } from '../../src/engine/gpu/kernel.js';

/** The number of times that a device waits in this order of calls. */
export function waitsOf(calls: readonly KernelCall[]): number {
  let waits = 0;
  let running = sideBySide();
  for (const call of calls) {
    if (running.waits(call)) {
      running = sideBySide();
      waits++;
    }
    running.add(call);
  }
  return waits;
}
