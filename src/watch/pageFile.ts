/** The page as built by `scripts/buildPage.mjs`: one file, with script and style inside. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { StoredRun } from './messages.js';

export interface PageFile {
  readonly html: string;
  /** The sources for a content security policy. */
  readonly script: string;
  readonly style: string;
}

export function readPage(): PageFile {
  const html = readFileSync(new URL('./page.html', import.meta.url), 'utf8');
  const sourceOf = (tag: string): string => {
    const content = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? '';
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
  };
  return { html, script: sourceOf('script'), style: sourceOf('style') };
}

/** The page with runs stored in it, as a file that needs no server. */
export function pageOf(runs: readonly StoredRun[]): string {
  const { html, script, style } = readPage();
  const policy = `default-src 'none'; script-src ${script}; style-src ${style}; img-src data:`;
  // Names of tensors and runs are inside a script element, which `</script` would end.
  const stored = JSON.stringify(runs).replaceAll('<', '\\u003c');
  return html
    .replace('<head>', () => `<head>\n<meta http-equiv="Content-Security-Policy" content="${policy}">`)
    .replace('>null</script>', () => `>${stored}</script>`);
}
