/**
 * Work that a device has been given and has not done: enough to hide what the host does meanwhile, and so little that a
 * training stops soon. Where a step takes long, a few are enough.
 */

const MOST_STEPS = 16;
const MOST_LONG_STEPS = 4;
const LONG_STEP_MS = 25;

/** A function that is called with the end of each step, and resolves when the device should be given another one. */
export function workAhead(): (done: Promise<unknown>) => Promise<void> {
  const given: Promise<unknown>[] = [];
  let most = MOST_STEPS;
  return async (done) => {
    given.push(done);
    while (given.length >= most) {
      const before = performance.now();
      await given.shift();
      most = performance.now() - before < LONG_STEP_MS ? MOST_STEPS : MOST_LONG_STEPS;
    }
  };
}
