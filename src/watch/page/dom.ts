/** Elements of the page, and canvases at the screen's resolution. */

type Child = Node | string;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** A function that requests a drawing, which happens once before the next frame, however often it is requested. */
export function oncePerFrame(draw: () => void): () => void {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      draw();
    });
  };
}

/** A canvas with a title and a legend above it, and a tip that follows the pointer. */
export interface Figure {
  readonly root: HTMLElement;
  readonly title: HTMLElement;
  readonly legend: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly tip: HTMLElement;
  /** A vertical line over the canvas. */
  readonly cursor: HTMLElement;
}

export function figure(words: string): Figure {
  const [title, legend] = [element('span', {}, words), element('span', { className: 'legend' })];
  const canvas = element('canvas');
  canvas.setAttribute('role', 'img');
  const tip = element('div', { className: 'tip', hidden: true });
  const cursor = element('div', { className: 'cursor', hidden: true });
  const drawing = element('div', { className: 'drawing' }, canvas, cursor, tip);
  const root = element('figure', {}, element('figcaption', {}, title, legend), drawing);
  return { root, title, legend, canvas, tip, cursor };
}

/** Replaces an element's children only if its data have changed, so that a click in progress is not lost. */
export function fill(place: HTMLElement, on: unknown, made: () => readonly Child[]): void {
  const key = JSON.stringify(on);
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  const controls = () => [...place.querySelectorAll<HTMLElement>('input, button')];
  const focused = controls().indexOf(document.activeElement as HTMLElement);
  place.replaceChildren(...made());
  controls()[focused]?.focus();
}

/** A sample of a line as drawn in the pictures. */
export function lineSample(color: string, dash: readonly number[], isMarked = false): SVGElement {
  const svg = (tag: string, attributes: Readonly<Record<string, string | number>>): SVGElement => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag) as SVGElement;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
    return made;
  };
  const made = svg('svg', { width: 28, height: 10, 'aria-hidden': 'true' });
  const stroke = { stroke: color, 'stroke-width': isMarked ? 2 : 1.6, 'stroke-dasharray': dash.join(' ') };
  made.append(svg('line', { x1: 0, x2: 28, y1: 5, y2: 5, ...stroke }));
  if (isMarked) made.append(svg('circle', { cx: 14, cy: 5, r: 3.2, fill: color }));
  return made;
}

/** Sizes a canvas to its place and clears it. Returns its context, in units of CSS pixels. */
export function drawingOn(canvas: HTMLCanvasElement, height: number): { pen: CanvasRenderingContext2D; width: number } {
  const width = canvas.parentElement!.clientWidth;
  const ratio = devicePixelRatio;
  const size = [Math.round(width * ratio), Math.round(height * ratio)] as const;
  if (canvas.width !== size[0] || canvas.height !== size[1]) {
    [canvas.width, canvas.height] = size;
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext('2d')!;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
  pen.textBaseline = 'middle';
  return { pen, width };
}

/** Shows a tip beside the pointer, within the figure. */
export function showTip({ tip, canvas }: Figure, x: number, y: number, lines: readonly Child[]): void {
  tip.replaceChildren(...lines.map((line) => element('div', {}, line)));
  tip.hidden = false;
  const room = canvas.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(0, Math.min(room, x + 14 + tip.offsetWidth > canvas.clientWidth ? x - tip.offsetWidth - 14 : x + 14))}px`;
  tip.style.top = `${Math.max(0, Math.min(canvas.clientHeight - tip.offsetHeight, y + 10))}px`;
}
