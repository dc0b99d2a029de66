/**
 * Checks the imports in `src/` against the rooms of docs/architecture.md: the rooms that a room may import, the rooms
 * that may use Node's modules, and that no module below a browser's entry does. Part of `npm run lint`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Files beside the rooms, which every room may import and which import none. */
const common = [
  'capitalized',
  'crc32',
  'device',
  'elementCount',
  'errors',
  'eventLoop',
  'gbops',
  'kilobytes',
  'median',
  'nearestName',
  'selection',
  'sha256',
  'softmax',
  'task',
  'threadAnswers',
];

const network = ['graph', 'ops', 'passes', 'nn', 'nn/models', 'quant'];
const engines = ['engine', 'engine/cpu', 'engine/gpu', 'engine/reference'];
const training = ['program', 'train', 'data', 'weights', 'settings', ...network, ...engines];
const everything = [
  'library',
  'onnx',
  'deploy',
  'runtime',
  'ship',
  'recipe',
  'runs',
  'runs/plan',
  'report',
  'reproduce',
  'front',
  'cluster',
  'ranks',
  'sensitivity',
  'watch',
  'golden',
  'data/files',
  'disk',
  'packageVersion',
  ...training,
];

/**
 * A room: a folder, or a file beside them. `knows`: rooms that it may import; `types`: rooms of which it may import
 * types as well; `node`: true if it may import `node:*`, or the files that may.
 */
export const rooms = {
  quant: { knows: [] },
  graph: { knows: [] },
  // Of the data only the augmentation word.
  ops: { knows: ['graph', 'quant', 'data'] },
  passes: { knows: ['graph', 'ops'] },
  nn: { knows: ['graph', 'ops', 'quant', 'nn/models'], types: ['data'] },
  'nn/models': { knows: ['nn'], types: ['graph'] },
  data: { knows: [] },
  disk: { knows: [], node: true },
  'data/files': { knows: ['data', 'disk', 'weights'], node: true },
  program: { knows: ['data', ...network], types: ['engine', 'weights'] },
  engine: { knows: ['graph', 'ops', 'passes', 'engine/cpu', 'engine/gpu', 'engine/reference'] },
  'engine/reference': { knows: ['graph', 'ops', 'passes'], types: ['engine'] },
  'engine/cpu': { knows: ['graph', 'ops', 'passes', 'quant'], types: ['engine'], node: ['nodePlatform.ts'] },
  'engine/gpu': {
    knows: ['engine', 'graph', 'ops', 'passes', 'quant', 'disk'],
    node: ['nodeGpu.ts', 'tuningFile.ts'],
  },
  weights: { knows: ['graph', 'quant', 'disk'], types: ['nn'], node: ['safetensorsFile.ts', 'startingWeights.ts'] },
  settings: { knows: ['data', 'quant', 'disk'], types: ['nn'], node: ['readConfigFile.ts'] },
  train: { knows: ['data', 'weights', 'settings', 'program', ...network], types: ['engine'] },
  library: { knows: ['live', 'ship', ...training] },
  onnx: { knows: ['nn', 'ops', 'weights'] },
  ship: { knows: ['graph', 'ops', 'quant', 'weights'], types: ['program'] },
  runtime: { knows: ['ops', 'ship'] },
  deploy: { knows: ['disk', 'library', 'ship', 'runtime', 'runs', 'packageVersion', ...training], node: true },
  live: { knows: ['quant', 'disk', 'program'], types: ['train', 'settings'], node: ['liveFile.ts'] },
  tensorboard: { knows: ['live', 'disk', 'weights'], types: ['train', 'settings', 'program'], node: true },
  runs: {
    knows: [...training, 'onnx', 'ship', 'live', 'tensorboard', 'data/files', 'disk', 'packageVersion'],
    node: true,
  },
  'runs/plan': { knows: [...training, 'runs'], node: true },
  recipe: { knows: [...training, 'data/files', 'runs'], node: true },
  report: { knows: ['quant', 'runs', 'disk'], types: ['program'], node: true },
  reproduce: { knows: [...training, 'runs', 'runs/plan', 'report'], node: true },
  front: { knows: [...training, 'runs', 'runs/plan', 'report', 'reproduce'], node: true },
  ranks: { knows: ['program', 'disk'], types: ['engine'], node: true },
  cluster: { knows: ['settings', 'disk', 'runs', 'runs/plan'], node: true },
  sensitivity: { knows: [...training, 'runs'], node: true },
  watch: {
    knows: ['live', 'runs', 'report', 'quant', 'settings', 'weights'],
    types: ['program'],
    node: [
      'eventStream.ts',
      'lineTail.ts',
      'pageFile.ts',
      'server.ts',
      'staticPage.ts',
      'tensorView.ts',
      'watchedRuns.ts',
    ],
  },
  'watch/page': { knows: ['live', 'report'], types: ['watch'] },
  golden: { knows: training, node: true },
  cli: { knows: everything, node: true },
  index: { knows: everything },
  browser: { knows: ['library', ...training] },
  packageVersion: { knows: [], node: true },
  sha256: { knows: [] },
};

/** Entries of the package below which no module may import Node's modules. */
const entries = ['browser.ts', 'runtime/index.ts', 'watch/page/main.ts'];

/** A line for each forbidden import. `files`: texts by path in `src/`. */
export function violations(files) {
  return [
    ...[...files].flatMap(([path, text]) => importsOf(text).flatMap((each) => fault(path, each) ?? [])),
    ...entries.flatMap((entry) => reached(files, entry)),
  ];
}

function fault(path, { target, isType }) {
  const room = roomOf(path);
  const rule = rooms[room];
  if (!rule) return [`${path}: the room ${room} does not stand in scripts/checkRooms.mjs`];
  if (target.startsWith('node:')) {
    const mayUse = rule.node === true || rule.node?.includes(posix.basename(path));
    return mayUse ? [] : [`${path}: ${room} may not import ${target}`];
  }
  if (!target.startsWith('.')) return [];
  const other = roomOf(resolved(path, target));
  const known = other === room || common.includes(other) || rule.knows.includes(other);
  if (known || (isType && rule.types?.includes(other))) return [];
  return [`${path}: ${room} may not know ${other}${rule.types?.includes(other) ? ' but for types' : ''} (${target})`];
}

/** Node's modules below an entry, with the import path to them. Types and lazy imports do not count. */
function reached(files, entry) {
  const ways = files.has(entry) ? new Map([[entry, entry]]) : new Map();
  const faults = [];
  for (const [path, way] of ways) {
    for (const { target, isType, isLazy } of importsOf(files.get(path) ?? '')) {
      if (isType || isLazy) continue;
      if (target.startsWith('node:')) faults.push(`${way}: reaches ${target}`);
      const next = target.startsWith('.') ? resolved(path, target) : null;
      if (next && files.has(next) && !ways.has(next)) ways.set(next, `${way} → ${next}`);
    }
  }
  return faults;
}

function roomOf(path) {
  const folder = posix.dirname(path);
  if (folder === '.') return path.replace(/\.\w+$/, '');
  const [outer, inner] = folder.split('/');
  return inner && rooms[`${outer}/${inner}`] ? `${outer}/${inner}` : outer;
}

function resolved(path, target) {
  return posix.join(posix.dirname(path), target).replace(/\.js$/, '.ts');
}

/** The modules that a file imports or re-exports. */
function importsOf(text) {
  const statements = [...text.matchAll(/^(?:import|export)\s+(type\s)?([^;'"]*?)from\s+'([^']+)'/gm)];
  return [
    ...statements.map(([, type, names, target]) => {
      const list = /^\{([^}]*)\}\s*$/
        .exec(names.trim())?.[1]
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean);
      return {
        target,
        isType: type !== undefined || (list?.every((name) => name.startsWith('type ')) ?? false),
        isLazy: false,
      };
    }),
    ...[...text.matchAll(/^import\s+'([^']+)'/gm)].map(([, target]) => ({ target, isType: false, isLazy: false })),
    ...[...text.matchAll(/\bimport\('([^']+)'\)/g)].map(([, target]) => ({ target, isType: false, isLazy: true })),
  ];
}

/** All files of `src/` except tests, and kernels, which are in another language. */
export function sources() {
  const names = readdirSync('src', { recursive: true }).map((name) => name.replaceAll('\\', '/'));
  const wanted = (name) =>
    name.endsWith('.ts') && !name.endsWith('.test.ts') && !/^(engine\/cpu|runtime|ranks)\/kernels\//.test(name);
  return new Map(names.filter(wanted).map((name) => [name, readFileSync(join('src', name), 'utf8')]));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const found = violations(sources());
  for (const line of found) process.stderr.write(`${line}\n`);
  process.exitCode = found.length ? 1 : 0;
}
