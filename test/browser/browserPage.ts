/** Pages of `web/`, built, served on this machine and opened in headless Chromium with WebGPU on SwiftShader. */

import { resolve } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { build, preview } from 'vite';
import { temporaryFolder } from '../temporaryFolder.js';

const chromiumPath = '/usr/bin/chromium';

const launchArguments = [
  '--no-sandbox',
  '--no-first-run',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
];

/** Opens a page, hands it to `use`, and clears everything away again. */
export async function withPage<T>(path: string, use: (page: Page) => Promise<T>): Promise<T> {
  const clearing: (() => Promise<void>)[] = [];
  try {
    const config = {
      configFile: resolve('web/vite.config.ts'),
      logLevel: 'error',
      build: { outDir: temporaryFolder() },
    } as const;
    await build(config);
    const server = await preview({ ...config, preview: { host: '127.0.0.1', port: 0 } });
    clearing.unshift(() => server.close());
    const browser = await chromium.launch({ executablePath: chromiumPath, args: launchArguments });
    clearing.unshift(() => browser.close());
    const page = await browser.newPage();
    await page.goto(new URL(path, server.resolvedUrls!.local[0]).href);
    return await use(page);
  } finally {
    for (const clear of clearing) await clear();
  }
}
