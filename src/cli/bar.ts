/** A progress bar on stderr: redrawn in place on a terminal; elsewhere its words as a line of text now and then. */

import { type Options, type Params, Presets, SingleBar } from 'cli-progress';
import { printable } from '../errors.js';

export interface Bar {
  /** Redraws the bar; a `name` other than the last begins another bar. */
  show(name: string, done: number, total: number, texts: BarTexts): void;
  /** Writes a line that stays above the bar. */
  line(text: string): void;
  /** Takes the bar off the screen. */
  stop(): void;
}

/** The texts behind a bar, in full and abbreviated for narrow terminals. */
export interface BarTexts {
  readonly words: readonly string[];
  readonly short: readonly string[];
  /** Columns of a row where there is a table of several runs; by default as `short`. */
  readonly columns?: readonly string[];
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

/** The longest silence of a log file, in milliseconds, before a reader doubts that the run is alive. */
const SILENCE_MS = 30_000;

/** A bar for pipes and log files: writes the words as a line once nothing was written for {@link SILENCE_MS}. */
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

/**
 * The bar and its texts in one line that never wraps; the bar takes the width that the texts leave. Empty without
 * texts.
 */
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

export function terminalRows(): number {
  return process.stderr.rows || 24;
}
