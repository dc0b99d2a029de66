/** A bar on a terminal that is redrawn in place; elsewhere nothing but the lines in between. All on stderr. */

import { type Options, type Params, Presets, SingleBar } from 'cli-progress';

export interface Bar {
  /** Draws it anew; another name begins another bar. */
  show(name: string, done: number, total: number, texts: BarTexts): void;
  /** A line that stays, above it. */
  line(text: string): void;
  /** Takes it off the screen. */
  stop(): void;
}

/** What stands behind a bar: in words, and as short as it can be for narrow terminals. */
export interface BarTexts {
  readonly words: readonly string[];
  readonly short: readonly string[];
}

export function singleBar(): Bar {
  const bar = process.stderr.isTTY
    ? new SingleBar({ hideCursor: true, clearOnComplete: true, format: renderBar }, Presets.shades_classic)
    : null;
  let active = '';
  const stop = (): void => {
    if (active) bar?.stop();
    active = '';
  };
  return {
    show: (name, done, total, texts) => {
      if (active === name) {
        bar?.update(done, texts);
        return;
      }
      if (active) bar?.stop();
      bar?.start(total, done, texts);
      active = name;
    },
    line: (text) => {
      stop();
      process.stderr.write(`${text}\n`);
    },
    stop,
  };
}

const BAR_MIN = 8;
const BAR_MAX = 24;

/** One line that never wraps; the bar takes the room that the texts leave. */
export function renderBar(options: Options, at: Params, { words, short }: BarTexts): string {
  const columns = terminalColumns() - 1;
  const [inWords, inShort] = [words, short].map((parts) => parts.filter(Boolean).join('  ')) as [string, string];
  const text = BAR_MIN + 1 + inWords.length <= columns ? inWords : inShort;
  const size = Math.max(0, Math.min(BAR_MAX, columns - 1 - text.length));
  const filled = Math.round(at.progress * size);
  const drawn =
    (options.barCompleteString ?? '').slice(0, filled) + (options.barIncompleteString ?? '').slice(0, size - filled);
  return (drawn ? `${drawn} ${text}` : text).slice(0, columns);
}

export function terminalColumns(): number {
  return process.stderr.columns || 80;
}
