/** Bundles the live page with its script and its style into one file, `src/watch/page.html`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transformWithEsbuild } from 'vite';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'watch');

const { output } = await build({
  configFile: false,
  logLevel: 'error',
  root: join(root, 'page'),
  build: {
    target: 'es2022',
    write: false,
    modulePreload: false,
    rollupOptions: { input: join(root, 'page', 'main.ts'), output: { format: 'iife' } },
  },
});
const script = output.find(({ type }) => type === 'chunk').code.trim();
const css = readFileSync(join(root, 'page', 'style.css'), 'utf8');
const style = (await transformWithEsbuild(css, 'style.css', { loader: 'css', minify: true })).code.trim();
if (/<\/(script|style)/i.test(script + style)) throw new Error('the script or the style would end its own element');

const html = readFileSync(join(root, 'page', 'index.html'), 'utf8')
  .replace('<link rel="stylesheet" href="./style.css" />', () => `<style>${style}</style>`)
  .replace('<script type="module" src="./main.ts"></script>', () => `<script>${script}</script>`);
writeFileSync(join(root, 'page.html'), html);
