/** The commands of docs/own-images.md, one after the other on a few small pictures, with a smaller network and few epochs. */

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { mpdnn, resultFiles, succeeds } from '../cli/runMpdnn.js';
import { temporaryFolder } from '../temporaryFolder.js';

const folder = temporaryFolder();

/** Two classes of one colour each. */
async function drawPictures(): Promise<void> {
  const colours = { cats: '#c04020', dogs: '#2040c0' };
  for (const [set, count] of Object.entries({ train: 12, val: 3 })) {
    for (const [name, background] of Object.entries(colours)) {
      const place = join(folder, 'pictures', set, name);
      mkdirSync(place, { recursive: true });
      for (let i = 1; i <= count; i++) {
        const picture = sharp({ create: { width: 14 + i, height: 14, channels: 3, background } });
        await picture
          .modulate({ brightness: 0.5 + i / 16 })
          .jpeg()
          .toFile(join(place, `${i}.jpg`));
      }
    }
  }
}

/** The commands of the page, a list of words each, without `npx mpdnn`. */
function commands(): string[][] {
  const blocks = [...readFileSync('docs/own-images.md', 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)];
  const lines = blocks.flatMap(([, block]) => block!.trim().split('\n'));
  return lines.map((line) => {
    const [npx, program, ...words] = line.split(' ');
    expect([npx, program]).toEqual(['npx', 'mpdnn']);
    return words;
  });
}

const small = ['--model', 'tiny', '--epochs', '3', '--device', 'cpu', '--threads', '1'];

it('runs as the page says', async () => {
  await drawPictures();
  const { stdout: help } = await mpdnn(['--help'], folder);
  const said = new Map<string, string>();
  for (const words of commands()) {
    if (!new RegExp(`^  ${words[0]} `, 'm').test(help)) continue;
    const isChosen = words[0] === 'init' || (words[0] === 'train' && !words.includes('--cfg'));
    const more = isChosen ? small : [];
    const plots = words[0] === 'train' ? ['--no-plots'] : [];
    const { stdout, stderr } = await succeeds([...words, ...more, ...plots], folder);
    said.set(words.join(' '), stderr + stdout);
  }
  const first = said.get('train --data images:pictures');
  expect(first).toContain('images:pictures: 24 images to train with and 6 to test with, 2 classes, about 14 pixels');
  expect(first).toMatch(
    /--target-weight-kbytes [\d.]+: weights in float: [\d.]+ kB; nothing else was asked for, so a tenth/,
  );
  expect(first).toMatch(/epoch 2\/2 [\s\S]*epoch 1\/1 .* inside/);
  expect(first).toMatch(
    /^beside experiments\/pictures-float:\n {2}weights +\d\.\d\d kB +→ +0\.\d{3} kB +[\d.]+ times smaller$/m,
  );
  expect(first).toMatch(/^next:\n {2}predict +npx mpdnn predict experiments\/pictures IMAGE$/m);
  expect(said.get('predict experiments/pictures pictures/val/cats/1.jpg')).toMatch(/cats|dogs/);
  expect(said.get([...said.keys()].find((call) => call.includes('again'))!)).toContain(
    'starts from experiments/pictures-float',
  );
});

it('repeats the one command by the file that init writes, bit for bit', () => {
  for (const name of ['pictures-float', 'pictures']) {
    const [one, other] = ['experiments', 'edited'].map((out) => resultFiles(join(folder, out, name)));
    expect(one!.size).toBeGreaterThan(4);
    expect(other).toEqual(one);
  }
});

it('goes on where the one command was interrupted, and says how', async () => {
  const call = ['train', '--data', 'images:pictures', '--out', 'resumed', '--no-plots', ...small];
  const isBegun = () => existsSync(join(folder, 'resumed/pictures-float'));
  const { code, stderr } = await mpdnn(call, folder, { ctrlC: { after: isBegun, turns: 0 } });
  expect(code, stderr).toBe(130);
  expect(stderr).toContain('go on with: npx mpdnn train --data images:pictures --out resumed --model tiny');
  await succeeds([...call, '--resume'], folder);
  const again = await succeeds([...call, '--resume'], folder);
  expect(again.stderr.match(/has finished before/g)).toHaveLength(2);
  for (const name of ['pictures-float', 'pictures']) {
    const [one, other] = ['experiments', 'resumed'].map((out) => resultFiles(join(folder, out, name)));
    expect(other).toEqual(one);
  }
  expect(await mpdnn(call, folder)).toMatchObject({ code: 2, stderr: expect.stringContaining('exists already') });
});
