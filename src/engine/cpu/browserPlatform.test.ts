/** The CPU engine's platform in a browser, as far as it needs none; `test/browser` has the rest. */

import { afterEach, expect, it, vi } from 'vitest';
import { browserPlatform } from './browserPlatform.js';

afterEach(() => vi.unstubAllGlobals());

/** Starts a worker that fails with the message of its error event, which a file that is not there does not have. */
function failed(message: string | undefined): Promise<void> {
  class FailedWorker {
    onerror?: (event: { readonly message: string | undefined }) => void;
    constructor() {
      queueMicrotask(() => this.onerror?.({ message }));
    }
  }
  vi.stubGlobal('Worker', FailedWorker);
  return browserPlatform.startWorker().then(({ ready }) => ready);
}

it('says which file of a worker cannot be loaded, and what would mend it', async () => {
  await expect(failed(undefined)).rejects.toMatchObject({
    name: 'InputError',
    message: "browserWorker.js: cannot be loaded; the bundler's output must be served with it",
  });
  await expect(failed('out of memory')).rejects.toThrow('a worker of the CPU engine: out of memory');
});
