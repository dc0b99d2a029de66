/** Folders of clips: the sets that they say, features from the cache or computed anew, faults in a line. */

import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { tone, wavFile } from '../../../test/wavFile.js';
import type { SoundSettings } from '../sound.js';
import { loadSounds, readClipInput, type SoundOptions } from './sounds.js';

let root: string;
let reports: number;
beforeEach(() => {
  root = temporaryFolder();
  reports = 0;
});

const settings: SoundSettings = {
  ...{ kind: 'mfcc', windowMs: 25, hopMs: 20, melBands: 16, coefficients: 6 },
  ...{ seconds: null, lowHz: 50, highHz: null },
};
const load = (more: Partial<SoundOptions> = {}, asked: Partial<SoundSettings> = {}) =>
  loadSounds(path.join(root, 'set'), {
    ...{ settings: { ...settings, ...asked }, seed: 7, testOnly: false, cacheDirectory: path.join(root, 'cache') },
    onProgress: () => reports++,
    ...more,
  });
function write(name: string, bytes: Uint8Array): string {
  const file = path.join(root, 'set', name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}
/** Two classes, low and high tones; the longest clip has 1000 samples. */
function writeClips(folder: string, count: number): void {
  for (let index = 0; index < count; index++) {
    write(`${folder}low/${index}.wav`, tone(200 + 10 * index, 1000 - index));
    write(`${folder}high/${index}.wav`, tone(1500 + 10 * index, 900));
  }
}

describe('a folder of clips', () => {
  it('without lists is split by the seed', async () => {
    writeClips('', 5);
    write('_background_noise_/rain.wav', tone(50, 9000));
    write('low/readme.txt', Buffer.from('x'));
    const { classes, train, test, validation, features, notes } = await load();
    expect(classes).toEqual(['high', 'low']);
    expect([train.count, test.count, validation, train.height, train.width, train.channels]).toEqual([
      8,
      2,
      undefined,
      6,
      6,
      1,
    ]);
    expect(features).toMatchObject({
      ...{ of: 'sound', kind: 'mfcc', sampleRate: 8000, samples: 1000, window: 200, hop: 160, fft: 256 },
      ...{ melBands: 16, lowHz: 50, highHz: 4000, coefficients: 6 },
    });
    expect(notes).toEqual([
      expect.stringContaining('2 files are left out (1 .txt, 1 beside the class folders); read are .wav'),
      expect.stringContaining('has no testing_list.txt; a fifth of its 10 clips, chosen by the seed, is for testing'),
    ]);
    expect((await load({ seed: 8 })).test.images).not.toEqual(test.images);
    // The bytes reach from the smallest feature to the largest.
    expect([Math.min(...train.images), Math.max(...train.images)]).toEqual([0, 255]);
  });

  it('has the sets of its lists, or of its folders', async () => {
    writeClips('', 3);
    write('testing_list.txt', Buffer.from('low/0.wav\r\nhigh/1.wav\n'));
    write('validation_list.txt', Buffer.from('low/1.wav'));
    const { train, test, validation, notes } = await load();
    expect(notes).toEqual([]);
    expect([[...train.labels], [...test.labels], [...validation!.labels]]).toEqual([[0, 0, 1], [0, 1], [1]]);
    rmSync(path.join(root, 'set'), { recursive: true });
    writeClips('train/', 2);
    await expect(load()).rejects.toThrow('test: no such folder; wanted: CLASS/*.wav in it');
    writeClips('test/', 1);
    const both = await load();
    expect([both.train.count, both.test.count, both.validation]).toEqual([4, 2, undefined]);
    rmSync(path.join(root, 'set', 'train'), { recursive: true });
    const { features, test: tested } = both;
    const alone = await load({ testOnly: true, features: features?.of === 'sound' ? features : undefined });
    expect([alone.train.count, alone.test.images]).toEqual([0, tested.images]);
    expect(alone.features).toBe(features);
  });

  it('has lists that name clips of it, and leave some to train with', async () => {
    writeClips('', 2);
    write('validation_list.txt', Buffer.from('low/1.wav'));
    await expect(load()).rejects.toThrow('set: has validation_list.txt, wanted beside it: testing_list.txt');
    const all = ['high/0.wav', 'high/1.wav', 'low/0.wav', 'low/1.wav'].join('\n');
    for (const [testing, validation, message] of [
      ['low/10.wav', 'low/1.wav', 'testing_list.txt: names none of the clips; wanted: CLASS/NAME.wav, one a line'],
      ['low/0.wav', 'low\\1.wav', 'validation_list.txt: names none of the clips'],
      [
        all.slice(0, -'low/1.wav'.length),
        'low/1.wav',
        'set: testing_list.txt and validation_list.txt leave no clip to train',
      ],
      [all, 'low/1.wav', 'set: testing_list.txt and validation_list.txt name low/1.wav; one of them should'],
    ]) {
      write('testing_list.txt', Buffer.from(testing!));
      write('validation_list.txt', Buffer.from(validation!));
      await expect(load()).rejects.toThrow(message);
    }
    expect((await load({ testOnly: true })).test.count).toBe(4);
  });

  it('is computed once, and anew where something has changed', async () => {
    writeClips('', 2);
    const first = await load();
    expect(reports).toBe(1);
    expect(await load()).toEqual(first);
    expect(reports).toBe(1);
    await load({}, { kind: 'log_mel' });
    expect(reports).toBe(2);
    await load();
    utimesSync(path.join(root, 'set', 'low', '0.wav'), 1, 1);
    await load();
    expect(reports).toBe(4);
    const cache = path.join(root, 'cache', readdirSync(path.join(root, 'cache'))[0]!);
    writeFileSync(cache, 'damaged');
    expect(await load()).toEqual(first);
    expect(reports).toBe(5);
  });

  it('asked for a clip gives the bytes that it trained on', async () => {
    writeClips('', 3);
    write('testing_list.txt', Buffer.from('low/2.wav'));
    const { test, features } = await load();
    if (features?.of !== 'sound') throw new Error('no features of sound');
    expect((await readClipInput(path.join(root, 'set/low/2.wav'), features)).images).toEqual(test.images);
    const fast = write('fast.wav', tone(300, 1000, 16_000));
    await expect(readClipInput(fast, features)).rejects.toThrow(
      'has 16000 samples a second, the network takes 8000; resample it',
    );
  });

  it.each<[string, Partial<SoundSettings>]>([
    ['sound_window_ms = 500: 4000 samples, the clips have 1000', { windowMs: 500 }],
    ['sound_window_ms = 25: 200 samples, the clips have 80', { seconds: 0.01 }],
    ['sound_high_hz = 5000: must be at most 4000, half of the sample rate', { highHz: 5000 }],
    ['sound_low_hz = 5000: must be below 4000, half of the sample rate', { lowHz: 5000 }],
    ['sound_low_hz = 50: must be below sound_high_hz = 40', { highHz: 40 }],
    ['sound_mel_bands = 5: band', { melBands: 300 }],
  ])('is refused: %s', async (message, asked) => {
    writeClips('', 2);
    await expect(load({}, asked)).rejects.toThrow(message.split(' = 5: band')[0]);
  });

  it('is refused for what lies in it', async () => {
    mkdirSync(path.join(root, 'set'));
    await expect(load()).rejects.toThrow('no class folders; wanted: a folder with .wav files for each class');
    write('low/a.wav', tone(200, 1000));
    await expect(load()).rejects.toThrow('one clip; two at least are wanted, to train and to test');
    const other = write('low/b.wav', tone(200, 1000, 16_000));
    await expect(load()).rejects.toThrow(
      `${other}: has 16000 samples a second, ${path.join(root, 'set/low/a.wav')} has 8000; resample it`,
    );
    const stereo = write('low/b.wav', wavFile({ channels: 2, bits: 16 }, new Uint8Array(8)));
    await expect(load()).rejects.toThrow(`${stereo}: has 2 channels; clips of one are read`);
  });
});
