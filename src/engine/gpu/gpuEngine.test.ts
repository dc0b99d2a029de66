/** The GPU engine on SwiftShader, the software Vulkan driver of Debian's chromium package. */

import { existsSync } from 'node:fs';
import { describe, it } from 'vitest';
import { engineConformance } from '../../../test/engine/conformance.js';
import { createGpuEngine } from './index.js';

const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';

if (existsSync(driver)) {
  process.env.VK_DRIVER_FILES = driver;
  process.env.XDG_RUNTIME_DIR ??= '/tmp';
  engineConformance('GPU', () => createGpuEngine({ allowSoftware: true }));
} else {
  describe.skip(`GPU engine: no software Vulkan driver at ${driver}`, () => {
    it('conforms', () => {});
  });
}
