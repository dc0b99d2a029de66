/**
 * Generated 32x32 colour images of ten classes, for a start without any download. A class is an orientation of the
 * background's stripes (five) and the outline of a figure (disc or cross). Colours, contrast, the stripes' width and
 * phase, the figure's place and size, and noise are random, so that single pixels say little about the class and a
 * linear classifier fails, while a few convolutions find both cues.
 *
 * Only + - * / and square roots are used, which IEEE 754 defines to the last bit: a seed gives the same bytes on every
 * machine.
 */
import { type Dataset, emptyImageSet, type ImageSet, maximumBytes } from './imageSet.js';
import { createRandom, type Random, randomStreams } from './random.js';

const side = 32;
/** Unit vectors across the stripes: 0, 36, 72, 108 and 144 degrees. */
const orientations = [
  { name: '0', x: 1, y: 0 },
  { name: '36', x: 0.809017, y: 0.587785 },
  { name: '72', x: 0.309017, y: 0.951057 },
  { name: '108', x: -0.309017, y: 0.951057 },
  { name: '144', x: -0.809017, y: 0.587785 },
] as const;
const figures = ['disc', 'cross'] as const;

const classes = figures.flatMap((figure) => orientations.map(({ name }) => `${figure}-${name}`));

/** Default number of training images; a fifth as many are generated for testing. */
const defaultCount = 10_000;

/** Largest number of training images, since all are resident. */
export const maximumCount = Math.floor(maximumBytes / (side * side * 3));

/**
 * Generates the images of a seed: a dataset for trying things out, with a fifth as many images for testing.
 *
 * @param count number of training images
 * @example
 * ```ts
 * import { generateSynthetic, train } from 'mixed-precision-dnns';
 *
 * const { classes, train: images, test } = generateSynthetic(1, 200);
 * await train({ data: { height: 32, width: 32, channels: 3, classes, train: images, test }, settings: { epochs: 1 } });
 * ```
 */
export function generateSynthetic(seed: number, count = defaultCount): Dataset {
  const train = generate(count, createRandom(seed, randomStreams.syntheticTraining));
  const test = generate(Math.max(1, Math.floor(count / 5)), createRandom(seed, randomStreams.syntheticTest));
  return { name: 'synthetic', classes, train, test };
}

function generate(count: number, random: Random): ImageSet {
  const set = emptyImageSet(count, side, side, 3);
  for (let index = 0; index < count; index++) {
    const label = index % classes.length;
    set.labels[index] = label;
    draw(set.images.subarray(index * side * side * 3), label, random);
  }
  return set;
}

function draw(pixels: Uint8Array, label: number, random: Random): void {
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  const isDisc = label < orientations.length;
  const orientation = orientations[label % orientations.length]!;

  // Up to about 9 degrees from the class's orientation, half of the distance to the next.
  const tilt = between(-0.16, 0.16);
  const norm = between(0.1, 0.22) / Math.sqrt(1 + tilt * tilt);
  const stripesX = (orientation.x - tilt * orientation.y) * norm;
  const stripesY = (orientation.y + tilt * orientation.x) * norm;
  const phase = random.uniform();
  const ground = color(between);
  const stripes = color(between);
  // Always clearly brighter or darker than the mean of the background.
  const figure = ground.map((level, channel) => (level + stripes[channel]! < 255 ? between(170, 255) : between(0, 85)));
  const contrast = between(0.35, 1);
  const radius = between(6, 10);
  const centerX = between(radius, side - radius);
  const centerY = between(radius, side - radius);
  const noise = between(10, 30);

  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const turns = stripesX * x + stripesY * y + phase;
      const height = wave(turns - Math.floor(turns)) * contrast;
      const inside = isInside(isDisc, Math.abs(x - centerX) / radius, Math.abs(y - centerY) / radius);
      for (let channel = 0; channel < 3; channel++) {
        const level = inside ? figure[channel]! : ground[channel]! + (stripes[channel]! - ground[channel]!) * height;
        pixels[(y * side + x) * 3 + channel] = toByte(level + noise * (random.uniform() + random.uniform() - 1));
      }
    }
  }
}

/**
 * Tells whether a point is inside the figure. Both cover about the same area: a disc of radius 0.87, a cross of arms 2
 * x 0.8.
 */
function isInside(isDisc: boolean, x: number, y: number): boolean {
  return isDisc ? x * x + y * y < 0.76 : (x < 0.4 && y < 1) || (y < 0.4 && x < 1);
}

function color(between: (low: number, high: number) => number): readonly [number, number, number] {
  return [between(20, 235), between(20, 235), between(20, 235)];
}

/** One smooth period over [0, 1) made of parabolas, from 0 to 1 and back. */
function wave(turn: number): number {
  const distance = Math.abs(2 * turn - 1);
  return distance < 0.5 ? 1 - 2 * distance * distance : 2 * (1 - distance) * (1 - distance);
}

function toByte(level: number): number {
  return level < 0 ? 0 : level > 255 ? 255 : Math.round(level);
}
