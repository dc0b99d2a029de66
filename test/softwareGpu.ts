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
