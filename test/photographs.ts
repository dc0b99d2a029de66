/** Image files as they come in the wild: of any size and orientation, grey, CMYK, transparent, turned by EXIF. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';

export interface Photograph {
  readonly width: number;
  readonly height: number;
  /** Other scenes look different. */
  readonly scene?: number;
  readonly kind?: 'rgb' | 'grey' | 'cmyk' | 'alpha' | 'turned' | 'profile';
}

/** Smooth colours that differ from pixel to pixel and from scene to scene; [height, width, 3]. */
export function scenePixels({ width, height, scene = 0 }: Photograph): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  for (let place = 0; place < pixels.length; place++) {
    const channel = place % 3;
    const [x, y] = [Math.floor(place / 3) % width, Math.floor(place / 3 / width)];
    const wave = Math.sin((x * (1 + channel) + 3 * scene) / 9) + Math.cos((y * (3 - channel) - 5 * scene) / 13);
    pixels[place] = Math.round(127.5 + 60 * wave);
  }
  return pixels;
}

/** A JPEG, or a PNG where it is transparent. */
export async function encodePhotograph(photograph: Photograph): Promise<Buffer> {
  const { width, height, kind = 'rgb' } = photograph;
  const image = sharp(scenePixels(photograph), { raw: { width, height, channels: 3 } });
  return encoded(image, kind).toBuffer();
}

function encoded(image: Sharp, kind: NonNullable<Photograph['kind']>): Sharp {
  const quality = { quality: 95, chromaSubsampling: '4:4:4' };
  switch (kind) {
    case 'rgb':
      return image.jpeg(quality);
    case 'grey':
      return image.toColourspace('b-w').jpeg(quality);
    case 'cmyk':
      return image.toColourspace('cmyk').jpeg(quality);
    case 'alpha':
      return image.ensureAlpha(0.3).png();
    case 'turned':
      return image.withMetadata({ orientation: 6 }).jpeg(quality);
    case 'profile':
      return image.withIccProfile('p3').jpeg(quality);
    default:
      throw new Error(`no such kind of photograph: ${kind satisfies never}`);
  }
}

/** All sorts in turn, none of them square but one. */
const sorts: readonly Photograph[] = [
  { width: 75, height: 50 },
  { width: 48, height: 66 },
  { width: 40, height: 40, kind: 'grey' },
  { width: 7, height: 5 },
  { width: 64, height: 41, kind: 'cmyk' },
  { width: 90, height: 30, kind: 'alpha' },
  { width: 50, height: 75, kind: 'turned' },
  { width: 33, height: 120, kind: 'profile' },
];

/** Writes FOLDER/{train,val}/{ant,bee}/*, all sorts among them; returns the paths in the order in which they count. */
export async function writePhotographs(
  folder: string,
  { train, val }: { readonly train: number; readonly val: number },
): Promise<{ readonly train: readonly string[]; readonly val: readonly string[] }> {
  let scene = 0;
  const write = async (part: string, count: number): Promise<string[]> => {
    const files: string[] = [];
    for (const [index, name] of ['ant', 'bee'].entries()) {
      for (let image = index; image < count; image += 2) {
        const photograph = { ...sorts[scene % sorts.length]!, scene: scene++ };
        const ending = photograph.kind === 'alpha' ? 'png' : 'JPEG';
        const file = join(folder, part, name, `${String(image).padStart(4, '0')}.${ending}`);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, await encodePhotograph(photograph));
        files.push(file);
      }
    }
    return files;
  };
  return { train: await write('train', train), val: await write('val', val) };
}
