/**
 * Crops of photographs for ImageNet training, with the numbers of torchvision's RandomResizedCrop (training) and of
 * Resize and CenterCrop (evaluation), so that results can be compared.
 */
import type { Random } from './random.js';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle of whole pixels, from the upper left. */
export interface Region extends Size {
  readonly left: number;
  readonly top: number;
}

/** Share of the image's area in a training crop, and the range of its width : height. */
export const cropArea = { min: 0.08, max: 1 } as const;
export const cropRatio = { min: 3 / 4, max: 4 / 3 } as const;

const tries = 10;

/**
 * A random crop for training: area uniform, ratio log-uniform, place uniform. After ten crops that do not fit into the
 * image, the largest one at the centre with an allowed ratio.
 */
export function randomResizedCrop({ width, height }: Size, random: Random): Region {
  const [low, high] = [Math.log(cropRatio.min), Math.log(cropRatio.max)];
  for (let attempt = 0; attempt < tries; attempt++) {
    const area = width * height * (cropArea.min + random.uniform() * (cropArea.max - cropArea.min));
    const ratio = Math.exp(low + random.uniform() * (high - low));
    const w = Math.round(Math.sqrt(area * ratio));
    const h = Math.round(Math.sqrt(area / ratio));
    if (w < 1 || w > width || h < 1 || h > height) continue;
    return { left: random.below(width - w + 1), top: random.below(height - h + 1), width: w, height: h };
  }
  const w = Math.min(width, Math.max(1, Math.round(height * cropRatio.max)));
  const h = Math.min(height, Math.max(1, Math.round(width / cropRatio.min)));
  const left = Math.floor((width - w) / 2);
  return { left, top: Math.floor((height - h) / 2), width: w, height: h };
}

/** The crop for evaluation: the size to which the image is scaled, and the square of `side` pixels cut out of that. */
export function evaluationCrop({ width, height }: Size, side: number): { readonly scaled: Size; readonly cut: Region } {
  // 256 for 224, in proportion for other sizes.
  const shorter = Math.round((side * 256) / 224);
  const longer = Math.floor((shorter * Math.max(width, height)) / Math.min(width, height));
  const scaled = width < height ? { width: shorter, height: longer } : { width: longer, height: shorter };
  const left = halfToEven(scaled.width - side);
  return { scaled, cut: { left, top: halfToEven(scaled.height - side), width: side, height: side } };
}

/** Half of a whole number, rounded to even as by Python's `round` in torchvision's CenterCrop. */
function halfToEven(whole: number): number {
  const half = Math.floor(whole / 2);
  return whole % 2 === 1 && half % 2 === 1 ? half + 1 : half;
}
