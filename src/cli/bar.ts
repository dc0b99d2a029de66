/** A bar on a terminal that is redrawn in place; elsewhere the same words as a line now and then. All on stderr. */

import { type Options, type Params, Presets, SingleBar } from 'cli-progress';
import { printable } from '../errors.js';

export interface Bar {
  /** Draws it anew; another name begins another bar. */
  show(name: string, done: number, total: number, texts: BarTexts): void;
  /** A line that stays, above it. */
  line(text: string): void;
  /** Takes it off the screen. */
  stop(): void;
}

/** The texts behind a bar: in words, and as short as they can be for narrow terminals. */
export interface BarTexts {
  readonly words: readonly string[];
  readonly short: readonly string[];
}

/** The bar of one run: drawn on a terminal, a line now and then elsewhere. */
export function singleBar(): Bar {
  return process.stderr.isTTY ? drawnBar() : writtenBar();
}

function drawnBar(): Bar {
  const bar = new SingleBar({ hideCursor: true, clearOnComplete: true, format: renderBar }, Presets.shades_classic);
  let active = '';
  const stop = (): void => {
    if (active) bar.stop();
    active = '';
  };
  return {
    show: (name, done, total, texts) => {
      if (active === name) {
        bar.update(done, texts);
        return;
      }
      stop();
      bar.start(total, done, texts);
      active = name;
    },
    line: (text) => {
      stop();
      writeLines(text);
    },
    stop,
  };
}

/** So long a log may stay silent before somebody wonders whether the run is still alive. */
const SILENCE_MS = 30_000;

/** For pipes and log files: the words behind the bar as a line of their own, once nothing was written for half a minute. */
export function writtenBar(): Bar {
  let spokenMs = performance.now();
  const line = (text: string): void => {
    spokenMs = performance.now();
    writeLines(text);
  };
  return {
    show: (_name, _done, _total, { words }) => {
      if (performance.now() - spokenMs >= SILENCE_MS) line(words.filter(Boolean).join('  '));
    },
    line,
    stop: () => {},
  };
}

function writeLines(text: string): void {
  process.stderr.write(`${text.split('\n').map(printable).join('\n')}\n`);
}

const BAR_MIN = 8;
const BAR_MAX = 24;

/** One line that never wraps; the bar takes the room that the texts leave. Nothing where there is nothing to say. */
export function renderBar(options: Options, at: Params, { words, short }: BarTexts): string {
  const columns = terminalColumns() - 1;
  const [inWords, inShort] = [words, short].map((parts) => parts.filter(Boolean).join('  ')) as [string, string];
  const text = BAR_MIN + 1 + inWords.length <= columns ? inWords : inShort;
  if (text === '') return '';
  const size = Math.max(0, Math.min(BAR_MAX, columns - 1 - text.length));
  const filled = Math.round(at.progress * size);
  const drawn =
    (options.barCompleteString ?? '').slice(0, filled) + (options.barIncompleteString ?? '').slice(0, size - filled);
  return (drawn ? `${drawn} ${text}` : text).slice(0, columns);
}

export function terminalColumns(): number {
  return process.stderr.columns || 80;
}
