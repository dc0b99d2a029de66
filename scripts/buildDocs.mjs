/**
 * Makes pages of the documents, README.md first, in the style of the live page and without scripts: `dist-site/docs`,
 * beside the tab. Fails for a broken link.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import GithubSlugger from 'github-slugger';
import { Marked } from 'marked';
import { transformWithEsbuild } from 'vite';

/** The texts of all documents, by path in the repository. */
export function documents() {
  const names = readdirSync('docs', { recursive: true }).map((name) => `docs/${name.replaceAll('\\', '/')}`);
  const paths = ['README.md', ...names.filter((name) => name.endsWith('.md')).sort()];
  return new Map(paths.map((path) => [path, readFileSync(path, 'utf8')]));
}

/**
 * The pages and the pictures that they show, by path, and a line for each broken link.
 *
 * @param texts Markdown by path in the repository; README.md lists the pages of the menu
 * @param isInRepository tells whether there is such a file or folder; links to one that is no page become plain text
 */
export function renderPages(texts, isInRepository) {
  const parsed = new Map([...texts].map(([path, text]) => [path, parse(text)]));
  const menu = ['README.md', ...readOn(texts.get('README.md'))];
  const pictures = new Set();
  const faults = [];
  const pages = new Map(
    [...parsed].map(([path, document]) => {
      const body = render(document, (href, isPicture) => {
        const target = targetOf(path, href);
        if (!target) return href;
        const [file, anchor] = target;
        const known = parsed.get(file);
        if (isPicture && isInRepository(file)) {
          pictures.add(file);
          return between(path, file);
        }
        if (known && (anchor === '' || known.anchors.has(anchor)))
          return between(path, file) + (anchor && `#${anchor}`);
        if (known || !isInRepository(file)) faults.push(`${path}: ${href}: leads nowhere`);
        return null;
      });
      return [pagePath(path), pageOf(path, document, body, menu, parsed)];
    }),
  );
  for (const path of menu) if (!parsed.has(path)) faults.push(`README.md: ${path}: leads nowhere`);
  return { pages, pictures, faults };
}

/** The pages of the table that begins with `read on`, in its order. */
function readOn(readme) {
  const table = /^\| read on[^\n]*\n((?:\|[^\n]*\n?)*)/m.exec(readme)?.[1] ?? '';
  return [...table.matchAll(/^\| \[[^\]]*\]\(([^)]+)\)/gm)].map(([, path]) => path);
}

const marked = new Marked({ gfm: true });

/** The tokens of a document, with GitHub's anchor for each heading. */
function parse(text) {
  const tokens = marked.lexer(text);
  const slugger = new GithubSlugger();
  const headings = tokens
    .filter(({ type }) => type === 'heading')
    .map((token) => ({
      token,
      depth: token.depth,
      title: plain(token.tokens),
      anchor: slugger.slug(plain(token.tokens)),
    }));
  return { tokens, headings, anchors: new Set(headings.map(({ anchor }) => anchor)) };
}

function plain(tokens) {
  return tokens.map((token) => (token.tokens ? plain(token.tokens) : unescaped(token.text ?? token.raw))).join('');
}

/** @param link gives the new address of a link; null for plain text */
function render({ tokens, headings }, link) {
  const renderer = new Marked({
    gfm: true,
    renderer: {
      heading(token) {
        const { anchor } = headings.find((heading) => heading.token === token) ?? {};
        const inner = this.parser.parseInline(token.tokens);
        return `<h${token.depth}${anchor ? ` id="${anchor}"` : ''}>${inner}</h${token.depth}>\n`;
      },
      link({ href, tokens: inner }) {
        const [target, words] = [link(href, false), this.parser.parseInline(inner)];
        return target === null ? words : `<a href="${escaped(target)}">${words}</a>`;
      },
      image({ href, text }) {
        return `<img src="${escaped(link(href, true) ?? href)}" alt="${escaped(text)}" />`;
      },
    },
  });
  // A wide table scrolls in its place.
  return renderer
    .parser(tokens)
    .replaceAll('<table>', '<div class="wide"><table>')
    .replaceAll('</table>', '</table></div>');
}

/** The path in the repository and the anchor of a document's link; null for other addresses. */
function targetOf(path, href) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(href)) return null;
  const [file, anchor = ''] = href.split('#');
  return [file === '' ? path : posix.join(posix.dirname(path), decodeURI(file)).replace(/\/$/, ''), decodeURI(anchor)];
}

/** Path of a repository file among the pages: README.md is the first page, the others are as in `docs`. */
function pagePath(path) {
  if (path === 'README.md') return 'index.html';
  const place = path.startsWith('docs/') ? path.slice('docs/'.length) : path;
  return place.replace(/\.md$/, '.html');
}

function between(from, to) {
  return posix.relative(posix.dirname(pagePath(from)), pagePath(to));
}

function pageOf(path, { headings }, body, menu, parsed) {
  const title = headings[0]?.title ?? path;
  const entries = menu.flatMap((other) => {
    const name = parsed.get(other)?.headings[0]?.title;
    if (name === undefined) return [];
    if (other !== path) return [`<li><a href="${between(path, other)}">${escaped(name)}</a></li>`];
    const inner = headings
      .filter(({ depth }) => depth === 2)
      .map(({ anchor, title: words }) => `<li><a href="#${anchor}">${escaped(words)}</a></li>`)
      .join('');
    return [`<li><a href="#" aria-current="page">${escaped(name)}</a>${inner && `<ul>${inner}</ul>`}</li>`];
  });
  const root = posix.relative(posix.dirname(pagePath(path)), '.') || '.';
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; img-src 'self' data:" />
    <title>${escaped(title)} · mpdnn</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="${root}/style.css" />
  </head>
  <body>
    <nav aria-label="Documents">
      <p><a href="${root}/../index.html">Train in this browser</a></p>
      <ul>${entries.join('')}</ul>
    </nav>
    <main>
${body}    </main>
  </body>
</html>
`;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function unescaped(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}

/** The colours and fonts of the live page, and styles for documents. */
async function styleSheet() {
  const css = ['src/watch/page/style.css', 'site/docs.css'].map((file) => readFileSync(file, 'utf8')).join('\n');
  return (await transformWithEsbuild(css, 'style.css', { loader: 'css', minify: true })).code;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const target = process.argv[2] ?? 'dist-site/docs';
  const { pages, pictures, faults } = renderPages(documents(), existsSync);
  if (faults.length > 0) {
    process.stderr.write(`${faults.join('\n')}\n`);
    process.exit(1);
  }
  for (const [path, html] of pages) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    writeFileSync(join(target, path), html);
  }
  for (const picture of pictures) cpSync(picture, join(target, pagePath(picture)));
  writeFileSync(join(target, 'style.css'), await styleSheet());
}
