/** Features of sound against numpy, which computes what docs/data.md defines. */

import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { createRandom } from './random.js';
import { byteSteps, emptyBand, featureByte, fftSize, frameCount, type SoundAnalysis, soundAnalyser } from './sound.js';

const analysis: SoundAnalysis = {
  ...{ kind: 'mfcc', sampleRate: 8000, samples: 1000, window: 300, hop: 160, fft: fftSize(300) },
  ...{ melBands: 20, lowHz: 50, highHz: 3800, coefficients: 8 },
};
const random = createRandom(5);
const clip = Float32Array.from({ length: 900 }, () => random.uniform() - 0.5);

const script = `
import json, sys
import numpy as np
a, clip = json.load(sys.stdin)
x = np.zeros(a['samples'])
x[:len(clip)] = clip
n = np.arange(a['window'])
hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / a['window'])
frames = 1 + (a['samples'] - a['window']) // a['hop']
power = np.array([np.abs(np.fft.rfft(x[t * a['hop']:][:a['window']] * hann, a['fft'])) ** 2 for t in range(frames)])
mel = lambda f: 2595 * np.log10(1 + f / 700)
centres = 700 * (10 ** (np.linspace(mel(a['lowHz']), mel(a['highHz']), a['melBands'] + 2) / 2595) - 1)
f = np.arange(a['fft'] // 2 + 1) * a['sampleRate'] / a['fft']
weights = np.array([np.interp(f, centres[m:m + 3], [0, 1, 0]) for m in range(a['melBands'])])
logs = np.log(power @ weights.T + 1e-6)
m = np.arange(a['melBands'])
dct = np.array([np.sqrt((1 if c == 0 else 2) / a['melBands']) * np.cos(np.pi * c * (m + 0.5) / a['melBands']) for c in range(a['coefficients'])])
print(json.dumps({'log_mel': logs.ravel().tolist(), 'mfcc': (logs @ dct.T).ravel().tolist()}))`;

it('are what numpy computes', () => {
  const input = JSON.stringify([analysis, [...clip]]);
  const numpy = JSON.parse(execFileSync('python3', ['-c', script], { input, encoding: 'utf8' }));
  const logMel = soundAnalyser({ ...analysis, kind: 'log_mel', coefficients: 20 })(clip);
  const mfcc = soundAnalyser(analysis)(clip);
  expect([frameCount(analysis), logMel.length, mfcc.length]).toEqual([5, 100, 40]);
  for (const [ours, theirs] of [
    [logMel, numpy.log_mel],
    [mfcc, numpy.mfcc],
  ]) {
    expect(Math.max(...ours.map((value: number, index: number) => Math.abs(value - theirs[index])))).toBeLessThan(
      1e-10,
    );
  }
});

it('of a clip that is too long are those of its beginning', () => {
  const long = Float32Array.from({ length: 2000 }, (_, index) => clip[index % 900]!);
  expect(soundAnalyser(analysis)(long)).toEqual(soundAnalyser(analysis)(long.slice(0, 1000)));
});

it('become bytes that reach from one value to another', () => {
  const steps = byteSteps(-30, 21);
  expect(steps).toEqual({ step: 0.2, zero: 150 });
  expect([-40, -30, 0, 0.09, 0.11, 21, 22].map((value) => featureByte(value, steps))).toEqual([
    0, 0, 150, 150, 151, 255, 255,
  ]);
  expect(byteSteps(3, 3)).toEqual({ step: 1, zero: -3 });
});

it('have no band that no frequency lies in', () => {
  expect([emptyBand(analysis), emptyBand({ ...analysis, melBands: 200 })]).toEqual([null, 2]);
});
