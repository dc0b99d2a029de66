/** The live page of runs as one file, without server and network. */

import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { distinctNames } from '../report/labels.js';
import { newLines } from './lineTail.js';
import type { StoredRun } from './messages.js';
import { pageOf } from './pageFile.js';
import { readParameters, tensorView } from './tensorView.js';
import { readOverview } from './watchedRuns.js';

/** @throws InputError for a folder that is no run, or whose files are damaged */
export function staticPage(roots: readonly string[]): string {
  const names = distinctNames(roots);
  return pageOf(roots.map((root, index) => storedRun(names[index]!, root)));
}

function storedRun(name: string, root: string): StoredRun {
  const overview = readOverview(name, root);
  return { overview, lines: gzipSync(allLines(root)).toString('base64'), tensors: tensorsOf(root, overview.epochs) };
}

function allLines(root: string): string {
  const all: string[] = [];
  let position = '';
  for (;;) {
    const { lines, position: next } = newLines(root, position);
    if (lines.length === 0) return `${all.join('\n')}\n`;
    all.push(...lines);
    position = next;
  }
}

function tensorsOf(root: string, epochs: number): StoredRun['tensors'] {
  if (epochs === 0) return [];
  const parameters = readParameters(join(root, 'params_last.safetensors'));
  const kept = parameters.quantizers.filter(({ tensor }) => parameters.file.tensors.has(tensor));
  return kept.map(({ tensor }) => tensorView(parameters, tensor));
}
