/** The images panel: a generator, the user's drawings, or a folder; and a preview of a training's images. */

import { element } from '../src/watch/page/dom.js';
import { digitShape } from './images/digitShape.js';
import { type DrawnClass, drawingsData, FEWEST } from './images/drawings.js';
import { chosenFiles, droppedFiles, type FolderFile, folderData } from './images/folder.js';
import { drawStrokes, SIDE, type Stroke } from './images/strokes.js';
import { type Pad, pad } from './pad.js';
import { picture } from './picture.js';
import type { Images, Preview } from './protocol.js';

export interface ImagesPanel {
  readonly root: readonly HTMLElement[];
  /** The chosen images. Throws an `InputError` if they are not enough. */
  chosen(): Images;
  /** Shows a training's images; null before a training. */
  show(preview: Preview | null): void;
}

const sources = { generated: 'Generated digits', drawn: 'Draw your own', folder: 'A folder of images' } as const;
type Source = keyof typeof sources;

/** @param note shows a note to the user; empty to remove it */
export function imagesPanel(note: (words: string) => void): ImagesPanel {
  const drawn = drawnClasses();
  const folder = folderChooser(note);
  const places: Readonly<Record<Source, HTMLElement>> = {
    generated: element(
      'p',
      { className: 'words' },
      'A program writes 2000 digits to train on and 500 to test with, as people write them.',
    ),
    drawn: drawn.root,
    folder: folder.root,
  };
  const inputs = (Object.keys(sources) as Source[]).map((source) => {
    const input = element('input', { type: 'radio', name: 'source', value: source, checked: source === 'generated' });
    input.addEventListener('change', choose);
    return { source, input, root: element('label', {}, input, ` ${sources[source]}`) };
  });
  const source = () => inputs.find(({ input }) => input.checked)!.source;
  function choose(): void {
    for (const [name, place] of Object.entries(places)) place.hidden = name !== source();
  }
  choose();
  const previewed = element('div', { className: 'preview' });
  const words = element('p', { className: 'words' });
  const given = element('div', { hidden: true }, words, previewed);
  return {
    root: [
      element('fieldset', { className: 'sources' }, element('legend', {}, 'Images'), ...inputs.map(({ root }) => root)),
      ...Object.values(places),
      given,
    ],
    chosen: () => {
      const from = source();
      switch (from) {
        case 'generated':
          return { kind: 'generated' };
        case 'drawn':
          return { kind: 'given', data: drawingsData(drawn.classes()) };
        case 'folder':
          return { kind: 'given', data: folder.data() };
        default:
          throw new Error(`no such source: ${from satisfies never}`);
      }
    },
    show: (preview) => {
      given.hidden = preview === null;
      if (!preview) return;
      const { counts, classes, height, width } = preview;
      words.textContent =
        `Trained on: ${counts.train} images of ${height}×${width} pixels, ${classes.length} classes; ` +
        `${counts.test} others test.`;
      previewed.replaceChildren(
        ...preview.classes.map((name, label) => previewOf(name, preview.images[label]!, preview)),
      );
    },
  };
}

function previewOf(name: string, images: Uint8Array, { height, width, channels }: Preview): HTMLElement {
  const size = height * width * channels;
  const pictures = Array.from({ length: images.length / size }, (_, index) =>
    picture(images.subarray(index * size, (index + 1) * size), height, width, channels),
  );
  return element('div', {}, element('span', {}, name), ...pictures);
}

const CARD = 104;

interface DrawnClasses {
  readonly root: HTMLElement;
  classes(): DrawnClass[];
}

/**
 * A card for each class: its name, a pad, and its drawings so far. A drawing is also added when another pad is used.
 */
function drawnClasses(): DrawnClasses {
  const cards: { name: HTMLInputElement; drawings: Stroke[][]; pad: Pad; add: () => void }[] = [];
  const list = element('div', { className: 'cards' });
  const addCard = (called: string): void => {
    const name = element('input', { type: 'text', value: called, maxLength: 40 });
    name.setAttribute('aria-label', 'name of the class');
    const drawings: Stroke[][] = [];
    const thumbnails = element('div', { className: 'thumbnails' });
    const count = element('span', { className: 'words' });
    const redraw = (): void => {
      count.textContent =
        drawings.length < FEWEST ? `${drawings.length} of ${FEWEST} at least` : `${drawings.length} drawn`;
      thumbnails.replaceChildren(...drawings.slice(-5).map((strokes) => picture(drawStrokes(strokes), SIDE, SIDE, 3)));
    };
    const own = pad(CARD, `draw an example of ${called}`, () => {
      if (own.strokes.length > 0) for (const other of cards) if (other.pad !== own) other.add();
    });
    const add = (): void => {
      if (own.strokes.length === 0) return;
      drawings.push([...own.strokes] as Stroke[]);
      own.clear();
      redraw();
    };
    const remove = (): void => {
      if (own.strokes.length > 0) own.clear();
      else drawings.pop();
      redraw();
    };
    redraw();
    cards.push({ name, drawings, pad: own, add });
    const buttons = element(
      'div',
      { className: 'buttons' },
      element('button', { type: 'button', onclick: add }, 'Add'),
      element('button', { type: 'button', onclick: remove }, 'Undo'),
    );
    list.append(element('div', { className: 'card' }, name, own.canvas, buttons, count, thumbnails));
  };
  for (const name of digitShape.classes) addCard(name);
  const more = element('button', { type: 'button' }, 'One more class');
  more.addEventListener('click', () => addCard(`class ${cards.length + 1}`));
  const words = element(
    'p',
    { className: 'words' },
    `Draw ${FEWEST} examples or more of two classes or more; what has none is left out. Each becomes twelve images by slanting, ` +
      'turning and other pens.',
  );
  return {
    root: element('div', {}, words, list, more),
    classes: () => {
      for (const { add } of cards) add();
      return cards.map(({ name, drawings }) => ({ name: name.value, drawings }));
    },
  };
}

interface FolderChooser {
  readonly root: HTMLElement;
  data(): Extract<Images, { kind: 'given' }>['data'];
}

function folderChooser(note: (words: string) => void): FolderChooser {
  const input = element('input', { type: 'file', webkitdirectory: true, multiple: true, id: 'folder' });
  const words = element('p', { className: 'words', id: 'folder-words' });
  words.setAttribute('role', 'status');
  let read: Awaited<ReturnType<typeof folderData>> | null = null;
  const take = async (files: readonly FolderFile[]): Promise<void> => {
    note('');
    read = null;
    try {
      read = await folderData(files, (done, all) => {
        words.textContent = `${done} of ${all} images read`;
      });
      const { data } = read;
      const sizes = `${data.train.labels.length} images to train on, ${data.test.labels.length} to test with`;
      words.textContent = `${data.classes.length} classes, ${sizes}, ${data.width}×${data.height} pixels. ${read.note}`;
    } catch (error) {
      words.textContent = '';
      note((error as Error).message);
    }
  };
  input.addEventListener('change', () => take(chosenFiles(input.files!)));
  const zone = element(
    'label',
    { className: 'drop' },
    'Drop a folder here, or choose one. Its sub-folders are the classes; folders train and test above them divide the images.',
    input,
  );
  zone.addEventListener('dragover', (event) => {
    event.preventDefault();
    zone.classList.add('over');
  });
  zone.addEventListener('dragleave', () => zone.classList.remove('over'));
  zone.addEventListener('drop', async (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    await take(await droppedFiles(event.dataTransfer!.items));
  });
  return {
    root: element('div', {}, zone, words),
    data: () => {
      if (!read) throw new Error('choose a folder of images first');
      return read.data;
    },
  };
}
