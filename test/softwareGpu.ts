/**
 * The GPU of the tests: SwiftShader, the software Vulkan driver of Debian's chromium package. A machine without it fails
 * these tests, unless MPDNN_SKIP_GPU=1 says that they may be left out.
 */

import { existsSync } from 'node:fs';

const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';

export const skipsGpu = process.env.MPDNN_SKIP_GPU === '1';

if (!skipsGpu && !existsSync(driver)) {
  throw new Error(`there is no ${driver}: install Debian's chromium and libvulkan1, or set MPDNN_SKIP_GPU=1`);
}
process.env.VK_DRIVER_FILES = driver;
process.env.XDG_RUNTIME_DIR ??= '/tmp';

/**
 * Dawn asks whether the driver is done with whatever it is waited for by `setImmediate`, again and again. On a GPU that
 * costs nothing; this driver computes on the cores that the asking takes from it, so it is asked every millisecond.
 */
globalThis.setImmediate = ((callback: (...args: unknown[]) => void, ...args: unknown[]) =>
  setTimeout(callback, 1, ...args)) as unknown as typeof setImmediate;
