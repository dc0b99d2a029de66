import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ExampleRun, resnet20Run, writeExampleRun } from '../../test/report/exampleRun.js';
import { overlaps, svgTexts } from '../../test/report/svgTexts.js';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { beatenBy, compareRuns, front } from './comparison.js';
import { comparisonPlot } from './comparisonPlot.js';
import { renderPng, renderSvg } from './renderPlot.js';

const parent = temporaryFolder();

/** A run of a few epochs with this error, weights and largest activation. */
function run(
  name: string,
  error: number,
  weights: number,
  activations: number,
  more: Partial<ExampleRun> = {},
): string {
  const summary = {
    ...{ best_val_err: error, best_test_err: error, weights_kb: weights, activations_max_kb: activations },
    ...{ bits: { 'conv1/quantized_conv/W': 2, 'res1/layer1/basicblock1/quantized_conv/W': 5, 'conv1/Aquant': 4 } },
    ...more.summary,
  };
  return writeExampleRun(parent, { ...resnet20Run, epochs: 2, ...more, name, summary });
}

const data = (classes: string[], test: string) => ({
  ...{ classes, image: [32, 32, 3], scale: [1], offset: [0] },
  fingerprints: { train: 'bytes:1', validation: null, test },
});

describe('runs beside each other', () => {
  const float = run('FLOAT', 0.12, 1048, 64, {
    quantized: false,
    summary: { bits: { 'conv1/quantized_conv/W': 32, conv1: 32 } },
  });
  const fixed = run('FIXED', 0.16, 65.5, 8);
  const worse = run('WORSE', 0.17, 70, 8);
  const small = run('SMALL', 0.15, 60, 16);

  it('are read in the order given, with what their quantizers have', () => {
    const { runs, unfinished } = compareRuns([float, fixed]);
    expect(unfinished).toEqual([]);
    expect(runs).toMatchObject([
      { name: 'FLOAT', folder: float, testError: 0.12, validationError: null, weightsKbytes: 1048, weightBits: null },
      { name: 'FIXED', activationsKbytes: 8, weightBits: { min: 2, mean: 3.5, max: 5 }, epochs: 2, obeysBudget: true },
    ]);
    expect(runs[1]?.activationBits).toEqual({ min: 4, mean: 4, max: 4 });
  });

  it('are beaten where another is nowhere worse', () => {
    const { runs } = compareRuns([float, fixed, worse, small]);
    expect(runs.map((each) => beatenBy(each, runs)?.name)).toEqual([undefined, undefined, 'FIXED', undefined]);
    expect(front(runs, (each) => each.weightsKbytes).map(({ name }) => name)).toEqual(['FLOAT', 'SMALL']);
    expect(front(runs, (each) => each.activationsKbytes).map(({ name }) => name)).toEqual(['FLOAT', 'FIXED', 'SMALL']);
  });

  it('of equal results beat nobody', () => {
    const { runs } = compareRuns([fixed, run('SAME', 0.16, 65.5, 8)]);
    expect(runs.map((each) => beatenBy(each, runs))).toEqual([null, null]);
  });

  it('say the error on the test images beside that on those that were held out', () => {
    const held = run('HELD', 0, 65, 8, { select: 'validation', summary: { best_val_err: 0.1, best_test_err: 0.2 } });
    expect(compareRuns([held]).runs).toMatchObject([{ testError: 0.2, validationError: 0.1 }]);
    const over = { best_val_err: null, best_epoch: null, best_test_err: null, last_val_err: 0.3, last_test_err: 0.4 };
    const { runs } = compareRuns([run('OVER', 0, 65, 8, { select: 'validation', summary: over })]);
    expect(runs).toMatchObject([{ testError: 0.4, validationError: 0.3, obeysBudget: false }]);
  });

  it('on other test images are marked, and neither beat nor are beaten', () => {
    const first = run('ONE', 0.2, 60, 8, { config: { data: data(['a', 'b'], 'bytes:1') } });
    const other = run('OTHER', 0.1, 50, 4, { config: { data: data(['a', 'b'], 'bytes:2') } });
    const { runs } = compareRuns([first, other]);
    expect(runs.map(({ sameImages }) => sameImages)).toEqual([true, false]);
    expect(runs.map((each) => beatenBy(each, runs))).toEqual([null, null]);
    expect(front(runs, (each) => each.weightsKbytes).map(({ name }) => name)).toEqual(['ONE']);
  });

  it('of other classes are refused', () => {
    const cats = run('CATS', 0.2, 60, 8, { config: { data: data(['cat', 'dog'], 'bytes:1') } });
    const cars = run('CARS', 0.2, 60, 8, { config: { data: data(['cat', 'car'], 'bytes:1') } });
    const more = run('MORE', 0.2, 60, 8, { config: { data: data(['cat', 'dog', 'eel'], 'bytes:1') } });
    expect(() => compareRuns([cats, cars])).toThrow(/CARS: cannot be compared with \S+CATS: class 1 is 'car' here and/);
    expect(() => compareRuns([cats, more])).toThrow('3 classes here, 2 there');
  });

  it('that have not finished are left out by name; of them alone nothing can be said', () => {
    const running = run('RUNNING', 0.2, 60, 8, { unfinished: true });
    expect(compareRuns([running, fixed])).toMatchObject({ unfinished: [running], runs: [{ name: 'FIXED' }] });
    expect(() => compareRuns([running])).toThrow('no run has finished yet');
    expect(() => compareRuns([fixed, join(fixed, '.')])).toThrow('is given twice');
    expect(() => compareRuns([fixed, small], ['a'])).toThrow('--labels: 1 names for 2 runs');
    expect(() => compareRuns([fixed, small], ['a', 'a'])).toThrow('--labels: a names two runs; give each a name');
    expect(compareRuns([fixed, small], ['a', 'b']).runs.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('have names that tell their folders apart', () => {
    const seeds = [0, 1].map((seed) => join(parent, `seed-${seed}`, 'FIXED'));
    for (const folder of seeds) cpSync(fixed, folder, { recursive: true });
    expect(compareRuns(seeds).runs.map(({ name }) => name)).toEqual(['seed-0', 'seed-1']);
  });

  it('are drawn as numbered points, filled on the front and hollow where beaten', async () => {
    const { runs } = compareRuns([float, fixed, worse, small]);
    const svg = await renderSvg(comparisonPlot(runs));
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text);
    expect(texts).toEqual(
      expect.arrayContaining(['test error (%)', 'weights', 'largest activation', '1  FLOAT', '4  SMALL']),
    );
    for (const number of ['1', '2', '3', '4']) expect(texts.filter((text) => text === number)).toHaveLength(2);
    const shapes = (attributes: RegExp) =>
      [...svg.matchAll(/<path aria-label[^>]*>|<path [^>]*>/g)].filter(([path]) => attributes.test(path));
    expect(shapes(/fill="#0072B2"/)).toHaveLength(2 + 3);
    expect(shapes(/stroke="#D55E00"/)).toHaveLength(2 + 1);
    expect((await renderPng(svg)).length).toBeGreaterThan(5000);
  });

  it('have their numbers inside of the frame, also where the error is 0', async () => {
    const { runs } = compareRuns([run('RIGHT', 0, 80, 4), run('AS_RIGHT', 0, 1048, 64)]);
    const svg = await renderSvg(comparisonPlot(runs));
    const numbers = [...svg.matchAll(/<text[^>]*translate\(([\d.-]+),([\d.-]+)\)[^>]*>[12]</g)];
    expect(numbers).toHaveLength(4);
    for (const [, x, y] of numbers) {
      expect(Number(x)).toBeGreaterThan(0);
      // The frame is 250 high; the text's base line is below its middle.
      expect(Number(y)).toBeLessThanOrEqual(250);
    }
  });

  it('have their numbers on no other number, also where they end alike', async () => {
    const { runs } = compareRuns(Array.from({ length: 14 }, (_, i) => run(`ALIKE_${i}`, 0.2, 65.5, 64)));
    const texts = svgTexts(await renderSvg(comparisonPlot(runs)));
    const numbers = texts.filter(({ text }) => /^([1-9]|1[0-4])$/.test(text));
    expect(numbers).toHaveLength(2 * 14);
    expect(overlaps(numbers.slice(0, 14))).toEqual([]);
    expect(overlaps(numbers.slice(14))).toEqual([]);
  });
});
