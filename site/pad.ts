/** A square to draw in, with a pen, a finger or a mouse. */

import { element } from '../src/watch/page/dom.js';
import { onThemeChange, theme } from '../src/watch/page/theme.js';
import type { Point, Stroke } from './images/strokes.js';

export interface Pad {
  readonly canvas: HTMLCanvasElement;
  readonly strokes: readonly Stroke[];
  clear(): void;
}

/** Width of the pen relative to the drawing's side. */
const PEN = 0.065;

/** @param onDrawn called during and after drawing, and when the pad is cleared */
export function pad(side: number, label: string, onDrawn: () => void): Pad {
  const canvas = element('canvas', { className: 'pad' });
  const ratio = Math.max(1, devicePixelRatio);
  [canvas.width, canvas.height] = [side * ratio, side * ratio];
  canvas.style.width = `${side}px`;
  canvas.style.height = `${side}px`;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', label);
  const pen = canvas.getContext('2d')!;
  let strokes: Stroke[] = [];
  const draw = (): void => {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.strokeStyle = theme().ink;
    pen.lineWidth = PEN * canvas.width;
    pen.lineCap = 'round';
    pen.lineJoin = 'round';
    for (const stroke of strokes) {
      pen.beginPath();
      for (const [x, y] of stroke) pen.lineTo(x * canvas.width, y * canvas.height);
      if (stroke.length === 1) pen.lineTo(stroke[0]![0] * canvas.width + 0.1, stroke[0]![1] * canvas.height);
      pen.stroke();
    }
  };
  const pointOf = ({ clientX, clientY }: PointerEvent): Point => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [(clientX - left) / width, (clientY - top) / height];
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    strokes = [...strokes, [pointOf(event)]];
    draw();
    onDrawn();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    strokes = [...strokes.slice(0, -1), [...strokes.at(-1)!, pointOf(event)]];
    draw();
    onDrawn();
  });
  onThemeChange(draw);
  return {
    canvas,
    get strokes() {
      return strokes;
    },
    clear: () => {
      strokes = [];
      draw();
      onDrawn();
    },
  };
}
