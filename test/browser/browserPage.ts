/**
 * The page of `web/`, built by Vite from the entry of the package that is published, served on this machine with and
 * without the headers of cross-origin isolation, and opened in headless Chromium with WebGPU on SwiftShader.
 */

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { kernelsApart } from '../../site/vite.config.js';
import { libraryExamples } from '../docs/libraryExamples.js';
import { installPackage } from '../publishedPackage.js';
import { temporaryFolder } from '../temporaryFolder.js';

export const chromiumPath = '/usr/bin/chromium';

/** Arguments of Chromium, with WebGPU on SwiftShader. */
export const launchArguments = [
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

const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** A project beside the package, as users have it: the page, the documents' example, and the package in `node_modules`. */
function makeProject(): string {
  const project = temporaryFolder();
  cpSync('web', project, { recursive: true });
  mkdirSync(join(project, 'example'));
  for (const [name, code] of libraryExamples().browser) writeFileSync(join(project, 'example', name), code);
  writeFileSync(join(project, 'example/index.html'), '<body><script type="module" src="./page.ts"></script></body>');
  installPackage(project);
  return project;
}

export interface BuiltPage {
  /** Names of the files that the build put out, with their sizes in bytes, compressed. */
  readonly files: ReadonlyMap<string, number>;
  /** Opens the page at `path`, served with the headers of cross-origin isolation or without. */
  open(served: 'isolated' | 'plain', path?: string): Promise<Page>;
  close(): Promise<void>;
}

/** Sizes of the files of a folder and of those below it, by name, as a server sends them: compressed. */
export function sentSizes(folder: string): ReadonlyMap<string, number> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map(({ parentPath, name }) => [name, gzipSync(readFileSync(join(parentPath, name))).length]));
}

/** A file with the programs of an engine: WGSL with what writes it, or WebAssembly. */
export const kernelFile = /^gpuKernels-|\.wasm$/;

/** Collects the names of the files that a page and its workers ask for from now on. */
export function filesAskedFor(page: Page): ReadonlySet<string> {
  const names = new Set<string>();
  page.on('request', (request) => names.add(basename(new URL(request.url()).pathname) || 'index.html'));
  return names;
}

export async function buildPage(): Promise<BuiltPage> {
  if (!existsSync(chromiumPath)) throw new Error(`there is no ${chromiumPath}: install Debian's chromium`);
  const root = makeProject();
  const input = ['index.html', 'example/index.html'].map((name) => join(root, name));
  const config = { root, logLevel: 'error', configFile: false } as const;
  await build({
    ...config,
    worker: { format: 'es', rollupOptions: { output: kernelsApart } },
    build: { target: 'esnext', rollupOptions: { input, output: kernelsApart } },
  });
  const servers: PreviewServer[] = [];
  let browser: Browser | null = null;
  return {
    files: sentSizes(join(root, 'dist/assets')),
    open: async (served, path = '') => {
      const headers = served === 'isolated' ? isolation : {};
      const server = await preview({ ...config, preview: { host: '127.0.0.1', port: 0, headers } });
      servers.push(server);
      browser ??= await chromium.launch({ executablePath: chromiumPath, args: launchArguments });
      const page = await browser.newPage();
      // The tests' own limit is there first.
      page.setDefaultTimeout(0);
      await page.goto(`${server.resolvedUrls!.local[0]}${path}`);
      return page;
    },
    close: async () => {
      await browser?.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
