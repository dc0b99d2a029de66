/**
 * The table of zeros: every activation and every logit in every form that ships.
 *
 * - A small network that is trained here, on 1 000 test images in all forms and on all boards.
 * - Networks of all kinds whose values look trained, on images of noise.
 * - Instead of both, a run of one's own on pictures of one's own, all of its size, in a folder a class:
 *
 *       SHIPPED_RUN=experiments/QUICKSTART SHIPPED_PICTURES=FOLDER npx vitest run --project thorough test/ship/forms
 *
 *   `SHIPPED_FORMS=c,Cortex-M4` names forms, of `runtime`, `c`, the boards, `onnx` and `reference`, or `npu`: how far the
 *   model for accelerators is off. `SHIPPED_IMAGES=200:300` says which images, counted over the classes in turn.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { ImageSet } from '../../../src/data/imageSet.js';
import { generateSynthetic } from '../../../src/data/index.js';
import { expectedResults } from '../../../src/deploy/checks.js';
import { npuMismatches } from '../../../src/deploy/npuMismatches.js';
import { openTrained } from '../../../src/deploy/trainedNetwork.js';
import type { TrainingProgram } from '../../../src/program/trainingProgram.js';
import type { IntegerNetwork } from '../../../src/ship/integerNetwork.js';
import { lowerNetwork } from '../../../src/ship/lowering.js';
import { succeeds, writeTinyConfig } from '../../cli/runMpdnn.js';
import { temporaryFolder } from '../../temporaryFolder.js';
import { shippableImages, shippableProgram, shippables } from '../shippable.js';
import { type Differences, type FormKind, formKinds, noDifferences, openForms, sumOf } from './forms.js';
import { openReference } from './referenceValues.js';

const { SHIPPED_RUN, SHIPPED_PICTURES, SHIPPED_FORMS = formKinds.join(), SHIPPED_IMAGES = '0:1000' } = process.env;
/** Images whose tensors are kept at once. */
const together = 25;

describe.runIf(SHIPPED_RUN)(`${SHIPPED_RUN}`, () => {
  it('has the same integers in every form', async () => {
    const { program, lowered } = await openTrained(SHIPPED_RUN!, false);
    const images = await pictures(SHIPPED_PICTURES!);
    const forms = SHIPPED_FORMS.split(',');
    if (forms.includes('npu')) {
      process.stdout.write(`\nnpu: ${JSON.stringify(await npuMismatches(lowered.network, images))}\n`);
    }
    await compareForms(SHIPPED_RUN!, program, lowered.network, images, new Set(forms as FormKind[]));
  });
});

describe.skipIf(SHIPPED_RUN)('a network that is trained here', () => {
  it('has the same integers in every form for 1 000 test images', async () => {
    const folder = temporaryFolder();
    await succeeds(['train', 'BUDGET', '--cfg', writeTinyConfig(folder), '--no-plots'], folder);
    const { program, lowered } = await openTrained(join(folder, 'experiments/BUDGET'), false);
    const images = imagesOf(generateSynthetic(1, 5000).test, 1000);
    const table = await compareForms('trained', program, lowered.network, images);
    expect([...table.keys()].filter((name) => /^C, (Cortex|RV)/.test(name))).toHaveLength(5);
  });
});

describe.skipIf(SHIPPED_RUN).each(Object.entries(shippables))('%s', (name, shippable) => {
  it('has the same integers in every form', async () => {
    const program = shippableProgram(shippable);
    await compareForms(name, program, lowerNetwork(program, []).network, shippableImages(10, shippable.side));
  });
});

/** Prints how many numbers differ, form by form, and expects none. */
async function compareForms(
  title: string,
  program: TrainingProgram,
  network: IntegerNetwork,
  images: readonly Uint8Array[],
  kinds: ReadonlySet<FormKind> = new Set(formKinds),
): Promise<ReadonlyMap<string, Differences>> {
  const forms = await openForms(network, await openReference(program), kinds);
  const table = new Map(forms.map(({ name }) => [name, noDifferences] as const));
  const seconds = new Map<string, number>();
  for (let first = 0; first < images.length; first += together) {
    const expected = expectedResults(network, images.slice(first, first + together));
    for (const { name, compare } of forms) {
      const begin = performance.now();
      table.set(name, sumOf(table.get(name)!, await compare(expected)));
      seconds.set(name, (seconds.get(name) ?? 0) + (performance.now() - begin) / 1000);
    }
  }
  for (const { close } of forms) await close();
  const lines = Array.from(table, ([name, { activations, logits, images: defined }]) => {
    const parts = { activations, 'logits and classes': logits };
    const counts = Object.entries(parts).map(([part, { different, all }]) => `${different} of ${all} ${part}`);
    if (defined > 0) counts.push(`${defined} images from a layer by definition on`);
    return `  ${name}: ${counts.join(', ')} (${seconds.get(name)!.toFixed(1)} s)`;
  });
  process.stdout.write(`\n${title}, ${images.length} images, what differs:\n${lines.join('\n')}\n`);
  for (const [name, { activations, logits }] of table) {
    expect([activations.different, logits.different], name).toEqual([0, 0]);
    expect(logits.all, name).toBeGreaterThan(0);
  }
  return table;
}

function imagesOf({ images, height, width, channels }: ImageSet, count: number) {
  const length = height * width * channels;
  return Array.from({ length: count }, (_, index) => images.slice(index * length, (index + 1) * length));
}

/** Pictures of a folder with a folder a class, one of each class in turn. */
async function pictures(folder: string): Promise<Uint8Array[]> {
  const classes = readdirSync(folder).sort();
  const files = classes.map((name) => readdirSync(join(folder, name)).sort());
  const [first, end] = SHIPPED_IMAGES.split(':').map(Number) as [number, number];
  return Promise.all(
    Array.from({ length: end - first }, async (_, index) => {
      const at = first + index;
      const [label, row] = [at % classes.length, Math.floor(at / classes.length)];
      const picture = sharp(join(folder, classes[label]!, files[label]![row]!));
      return new Uint8Array(await picture.removeAlpha().raw().toBuffer());
    }),
  );
}
