/** The tab of `site/`, built, served with or without the headers of cross-origin isolation, and open in Chromium. */

import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { chromiumPath, filesAskedFor, launchArguments, sentSizes } from '../browser/browserPage.js';
import { temporaryFolder } from '../temporaryFolder.js';

const configFile = 'site/vite.config.ts';
/** Headers in place of those that isolate a page. */
const plain = { 'Cross-Origin-Opener-Policy': 'unsafe-none', 'Cross-Origin-Embedder-Policy': 'unsafe-none' };

export interface OpenedTab {
  readonly page: Page;
  /** Errors of the console and of scripts, and requests to other places. */
  readonly faults: readonly string[];
  /** Names of the files that it has asked for. */
  readonly files: ReadonlySet<string>;
}

export interface BuiltSite {
  /** Names of the files below the page, with their sizes as a server sends them, compressed. */
  readonly files: ReadonlyMap<string, number>;
  /** Opens the page: at an address of its own, unless it is in the context of another one. */
  open(served: 'isolated' | 'plain', context?: BrowserContext): Promise<OpenedTab>;
  close(): Promise<void>;
}

export async function buildSite(): Promise<BuiltSite> {
  const folder = temporaryFolder();
  const outDir = join(folder, 'site');
  await build({ configFile, logLevel: 'error', build: { outDir } });
  const browser = await chromium.launch({ executablePath: chromiumPath, args: launchArguments });
  const servers = new Map<string, PreviewServer>();
  const serve = async (served: 'isolated' | 'plain'): Promise<string> => {
    const headers = served === 'plain' ? plain : {};
    const settings = { configFile, logLevel: 'error', build: { outDir } } as const;
    const server =
      servers.get(served) ?? (await preview({ ...settings, preview: { host: '127.0.0.1', port: 0, headers } }));
    servers.set(served, server);
    return server.resolvedUrls!.local[0]!;
  };
  return {
    files: sentSizes(outDir),
    open: async (served, context) => {
      const url = await serve(served);
      const page = await (context ?? (await browser.newContext())).newPage();
      page.setDefaultTimeout(0);
      const faults: string[] = [];
      const files = filesAskedFor(page);
      page.on('pageerror', ({ stack }) => faults.push(String(stack)));
      page.on('console', (message) => {
        if (message.type() === 'error') faults.push(message.text());
      });
      page.on('request', (request) => {
        if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) faults.push(request.url());
      });
      await page.goto(url);
      return { page, faults, files };
    },
    close: async () => {
      await browser.close();
      await Promise.all([...servers.values()].map((server) => server.close()));
    },
  };
}
