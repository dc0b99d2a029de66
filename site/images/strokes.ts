/**
 * Drawings as images like those of MNIST: bright lines on black, the longer side of the drawing 20 pixels, its centre
 * of mass in the middle of 28x28; grey on three channels, as the command line reads image files. Drawn and generated
 * images look alike.
 *
 * Only + - * / and square roots are used, which IEEE 754 defines to the last bit.
 */

export type Point = readonly [x: number, y: number];

/** A line from pen down to pen up, in any unit; y grows downwards. */
export type Stroke = readonly Point[];

/** Side of the images, in pixels. */
export const SIDE = 28;
export const CHANNELS = 3;
/** Bytes of an image. */
export const SIZE = SIDE * SIDE * CHANNELS;
const BOX = 20;

/**
 * The bytes of an image [28, 28, 3].
 *
 * @param radius half the width of the pen in pixels
 */
export function drawStrokes(strokes: readonly Stroke[], radius = 1.2): Uint8Array {
  const grey = new Uint8Array(SIDE * SIDE);
  for (const [from, to] of segments(fitted(strokes, radius))) drawSegment(grey, from, to, radius);
  return Uint8Array.from({ length: SIZE }, (_, at) => grey[Math.floor(at / CHANNELS)]!);
}

/** A single point is a segment of length 0. */
function segments(strokes: readonly Stroke[]): (readonly [Point, Point])[] {
  return strokes.flatMap((stroke) =>
    stroke.length === 1
      ? [[stroke[0]!, stroke[0]!] as const]
      : stroke.slice(1).map((to, index) => [stroke[index]!, to] as const),
  );
}

function fitted(strokes: readonly Stroke[], radius: number): Stroke[] {
  const points = strokes.flat();
  if (points.length === 0) return [];
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - left, Math.max(...ys) - top];
  const scale = (BOX - 2 * radius) / (Math.max(width, height) || 1);
  const center = centerOfMass(strokes) ?? [left, top];
  // The drawing stays inside, however uneven its weight is.
  const shift = (low: number, extent: number, middle: number) => {
    const at = SIDE / 2 - scale * (middle - low);
    return Math.max(radius + 1, Math.min(SIDE - radius - 1 - scale * extent, at)) - scale * low;
  };
  const [dx, dy] = [shift(left, width, center[0]), shift(top, height, center[1])];
  return strokes.map((stroke) => stroke.map(([x, y]): Point => [scale * x + dx, scale * y + dy]));
}

/** Null if nothing has a length. */
function centerOfMass(strokes: readonly Stroke[]): Point | null {
  let [mass, x, y] = [0, 0, 0];
  for (const [[ax, ay], [bx, by]] of segments(strokes)) {
    const length = Math.sqrt((bx - ax) ** 2 + (by - ay) ** 2);
    mass += length;
    x += (length * (ax + bx)) / 2;
    y += (length * (ay + by)) / 2;
  }
  return mass > 0 ? [x / mass, y / mass] : null;
}

function drawSegment(grey: Uint8Array, [ax, ay]: Point, [bx, by]: Point, radius: number): void {
  const [dx, dy] = [bx - ax, by - ay];
  const length2 = dx * dx + dy * dy || 1;
  const reach = radius + 1;
  const first = (a: number, b: number) => Math.max(0, Math.floor(Math.min(a, b) - reach));
  const last = (a: number, b: number) => Math.min(SIDE - 1, Math.ceil(Math.max(a, b) + reach));
  for (let row = first(ay, by); row <= last(ay, by); row++) {
    for (let column = first(ax, bx); column <= last(ax, bx); column++) {
      const [x, y] = [column + 0.5 - ax, row + 0.5 - ay];
      const along = Math.max(0, Math.min(1, (x * dx + y * dy) / length2));
      const distance = Math.sqrt((x - along * dx) ** 2 + (y - along * dy) ** 2);
      const level = Math.round(255 * Math.max(0, Math.min(1, radius + 0.5 - distance)));
      const at = row * SIDE + column;
      if (level > grey[at]!) grey[at] = level;
    }
  }
}
