/**
 * Places of texts beside the points of a plot: on no point and no other text, inside of the frame, near their points, and
 * clear of lines. All positions are in pixels from the frame's upper left corner.
 */
import { textWidth } from './fontMetrics.js';
import { LABEL_SIZE } from './theme.js';

interface Position {
  readonly x: number;
  readonly y: number;
}

/** A text for the point at a position. */
interface Label extends Position {
  readonly text: string;
}

interface Surroundings {
  readonly width: number;
  readonly height: number;
  readonly points: readonly Position[];
  /** Straight lines by their ends. */
  readonly lines: readonly (readonly [Position, Position])[];
}

/** A rectangle around its middle. */
interface Box extends Position {
  readonly width: number;
  readonly height: number;
}

/** Side of the square that a point with its outline takes. */
const POINT_SIZE = 13;
/** Free pixels between texts, half of them around each. */
const GAP = { x: 4, y: 1 };

/** What a place costs beside its distance from the point, in pixels: a text leaves the frame only where that is full. */
const COSTS = { acrossLine: 60, outside: 1e5, covering: 1e7 };

/** The labels, with the middles of their texts as positions. First ones are nearest to their points. */
export function placeLabels<L extends Label>(labels: readonly L[], surroundings: Surroundings): L[] {
  const { width, height, points, lines } = surroundings;
  const taken: Box[] = points.map(({ x, y }) => ({ x, y, width: POINT_SIZE, height: POINT_SIZE }));
  const costOf = (box: Box) =>
    COSTS.acrossLine * lines.filter((line) => crosses(box, line)).length +
    COSTS.outside * Number(!isWithin(box.x, box.width, width) || !isWithin(box.y, box.height, height)) +
    COSTS.covering * taken.filter((other) => overlap(box, other)).length;
  return labels.map((label) => {
    const size = { width: textWidth(label.text, LABEL_SIZE) + GAP.x, height: LABEL_SIZE + GAP.y };
    const rows = steps(size.height, height);
    const places = steps(size.width, width).flatMap((dx) =>
      rows.map((dy) => {
        const box = { x: label.x + dx, y: label.y - dy, ...size };
        return { box, cost: Math.hypot(dx, dy) + costOf(box) };
      }),
    );
    const { box } = places.reduce((best, place) => (place.cost < best.cost ? place : best));
    taken.push(box);
    return { ...label, x: box.x, y: box.y };
  });
}

/** The layer of a plot that draws placed labels. `encoding`: their colours. */
export function labelLayer(labels: readonly Label[], encoding: object = {}): object {
  const pixels = { type: 'quantitative', scale: null, axis: null };
  return {
    data: { values: labels },
    mark: { type: 'text', align: 'center', baseline: 'middle', fontSize: LABEL_SIZE },
    encoding: { x: { field: 'x', ...pixels }, y: { field: 'y', ...pixels }, text: { field: 'text' }, ...encoding },
  };
}

/** Distances from a point along one axis, to both sides, of texts of this size: on the point, beside it, and so on. */
function steps(size: number, end: number): number[] {
  const all = [0];
  for (let step = (POINT_SIZE + size) / 2; step < end; step += size) all.push(step, -step);
  return all;
}

function isWithin(middle: number, size: number, end: number): boolean {
  return middle >= size / 2 && middle <= end - size / 2;
}

function overlap(a: Box, b: Box): boolean {
  return Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2;
}

/** Whether some part of the line is in the box: the parts within its columns and within its rows have one in common. */
function crosses(box: Box, [from, to]: readonly [Position, Position]): boolean {
  const [left, right] = partWithin(box.x, box.width, from.x, to.x);
  const [top, bottom] = partWithin(box.y, box.height, from.y, to.y);
  return Math.max(0, left, top) <= Math.min(1, right, bottom);
}

/** The part of a line from 0 to 1, along one axis, that is less than half of a size from a middle; infinite if all is. */
function partWithin(middle: number, size: number, from: number, to: number): [number, number] {
  const ends = [middle - size / 2, middle + size / 2].map((end) => (end - from) / (to - from));
  return [Math.min(...ends), Math.max(...ends)];
}
