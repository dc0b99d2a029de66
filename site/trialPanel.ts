/**
 * The trial panel: a drawing or a test image, and the predictions of the float network and of the one with learned
 * bits, side by side.
 */

import { element } from '../src/watch/page/dom.js';
import { kbytes, percent } from '../src/watch/page/words.js';
import { drawStrokes, SIDE } from './images/strokes.js';
import { pad } from './pad.js';
import { type Part, partNames, parts } from './parts.js';
import { picture } from './picture.js';
import type { Answer, FromWorker, Preview } from './protocol.js';

type Answers = Extract<FromWorker, { type: 'answers' }>;

export interface TrialPanel {
  readonly root: readonly HTMLElement[];
  begin(preview: Preview): void;
  show(answers: Answers): void;
  /** Sets the sizes of the weights and repeats the last question, since the networks have changed. */
  renew(kbytes: Readonly<Record<Part, number | null>>): void;
}

const SHOWN = 3;

/** @param ask asks about an image or the index of a test image; answered by `show` */
export function trialPanel(ask: (image: Uint8Array | number) => void): TrialPanel {
  let preview: Preview | null = null;
  let question: Uint8Array | number | null = null;
  let isAsking = false;
  let isStale = false;
  const put = (): void => {
    if (question === null) return;
    if (isAsking) {
      isStale = true;
      return;
    }
    [isAsking, isStale] = [true, false];
    ask(question);
  };
  const drawing = pad(180, 'draw here', () => {
    question = drawing.strokes.length > 0 ? drawStrokes(drawing.strokes) : null;
    if (question) put();
    else clear();
  });
  const seen = element('div', { className: 'seen' });
  const clearButton = element('button', { type: 'button', onclick: () => drawing.clear() }, 'Clear');
  const next = element('button', { type: 'button' }, 'A test image');
  next.addEventListener('click', () => {
    drawing.clear();
    question = Math.floor(Math.random() * (preview?.counts.test ?? 1));
    put();
  });
  const columns = { float: column(partNames.float), learned: column(partNames.learned) } satisfies Record<
    Part,
    unknown
  >;
  const clear = (): void => {
    seen.replaceChildren();
    for (const part of parts) columns[part].list.replaceChildren();
  };
  const asked = element('div', { className: 'asked' }, drawing.canvas, seen);
  const buttons = element('div', { className: 'buttons' }, clearButton, next);
  const words = element('p', { className: 'words' });
  return {
    root: [
      element('h2', {}, 'Try it'),
      words,
      element(
        'div',
        { className: 'trial' },
        element('div', {}, asked, buttons),
        ...parts.map((part) => columns[part].root),
      ),
    ],
    begin: (given) => {
      preview = given;
      question = null;
      isAsking = false;
      const canDraw = given.height === SIDE && given.width === SIDE;
      drawing.canvas.hidden = !canDraw;
      clearButton.hidden = !canDraw;
      words.textContent = canDraw
        ? 'Draw, and see what both networks read, while they learn.'
        : 'See what both networks make of a test image, while they learn.';
      clear();
    },
    show: ({ answers, asked: { image, label } }) => {
      isAsking = false;
      if (!preview || question === null) return;
      const { height, width, channels } = preview;
      seen.replaceChildren(
        picture(image, height, width, channels),
        element('span', { className: 'words' }, label === null ? 'as the networks see it' : `a ${label}`),
      );
      for (const part of parts) columns[part].list.replaceChildren(...bars(answers[part], label));
      if (isStale) put();
    },
    renew: (sizes) => {
      for (const part of parts) {
        const kb = sizes[part];
        columns[part].title.textContent = kb === null ? partNames[part] : `${partNames[part]}, ${kbytes(kb)}`;
      }
      put();
    },
  };
}

function column(words: string): { title: HTMLElement; list: HTMLElement; root: HTMLElement } {
  const [title, list] = [element('h3', {}, words), element('div')];
  return { title, list, root: element('div', { className: 'answers' }, title, list) };
}

function bars(answer: Answer | null, label: string | null): HTMLElement[] {
  if (!answer) return [element('p', { className: 'words' }, 'not trained yet')];
  return answer.slice(0, SHOWN).map(({ name, probability }, index) => {
    const filled = element('span');
    filled.style.width = `${100 * probability}%`;
    const mark = index === 0 && label !== null ? (name === label ? ' ✓' : ' ✗') : '';
    return element(
      'div',
      { className: index === 0 ? 'answer first' : 'answer' },
      element('span', {}, `${name}${mark}`),
      element('span', {}, percent(probability)),
      element('div', { className: 'bar' }, filled),
    );
  });
}
