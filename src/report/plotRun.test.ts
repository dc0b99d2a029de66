import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { type ExampleRun, resnet20Run, writeExampleRun } from '../../test/report/exampleRun.js';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { InputError } from '../errors.js';
import { plotRun, plotsOf } from './plotRun.js';
import { plotRuns } from './plotRuns.js';
import { renderSvg } from './renderPlot.js';
import { readRunRecord } from './runRecord.js';
import { LABEL_SIZE } from './theme.js';

const parent = temporaryFolder();

/** Plots an example run; returns the names of its plots and their SVG texts. */
async function plotted(run: ExampleRun): Promise<{ folder: string; names: string[]; svg: (name: string) => string }> {
  const folder = writeExampleRun(parent, run);
  const paths = await plotRun(folder);
  return {
    folder,
    names: paths.map((path) => basename(path)),
    svg: (name) => readFileSync(join(folder, 'plots', `${name}.svg`), 'utf8'),
  };
}

/** The plots of an example run, drawn when they are asked for, as SVG texts only. */
function drawn(run: ExampleRun): { names: string[]; svg: (name: string) => Promise<string> } {
  const plots = plotsOf(readRunRecord(writeExampleRun(parent, run)));
  return { names: [...plots.keys()], svg: (name) => renderSvg(plots.get(name)!) };
}

/** The texts drawn by an SVG, in order. */
function texts(svg: string): string[] {
  return [...svg.matchAll(/<(?:text|tspan)[^>]*>([^<]+)</g)].map((match) => match[1] ?? '');
}

/** Number of marks of a kind with one of `colors` as `attribute`. */
function marks(svg: string, attribute: 'fill' | 'stroke', ...colors: string[]): number {
  return colors.reduce((count, color) => count + svg.split(`${attribute}="${color}"`).length - 1, 0);
}

/** Tells whether the outermost `width` pixels are white all around, as they are unless something is cut off. */
async function hasClearBorder(png: string, width: number): Promise<boolean> {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  for (let y = 0; y < info.height; y++) {
    for (let x = 0; x < info.width; x++) {
      const inside = x >= width && x < info.width - width && y >= width && y < info.height - width;
      const at = (y * info.width + x) * info.channels;
      if (!inside && data.subarray(at, at + info.channels).some((value) => value !== 255)) return false;
    }
  }
  return true;
}

describe('plotRun', () => {
  it('draws the five plots of a quantized run, as SVG and as PNG of twice the size, and nothing else', async () => {
    const { folder, names, svg } = await plotted(resnet20Run);
    const plots = ['losses', 'accuracy', 'bitwidths', 'bitwidths_history', 'sizes'];
    expect(names).toEqual(plots.flatMap((name) => [`${name}.svg`, `${name}.png`]));
    expect(readdirSync(join(folder, 'plots')).sort()).toEqual([...names].sort());
    for (const name of plots) {
      const png = join(folder, 'plots', `${name}.png`);
      expect(readFileSync(png).subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
      const [, width, height] = /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg(name)) ?? [];
      const image = await sharp(png).metadata();
      expect(Math.abs(image.width - 2 * Number(width))).toBeLessThan(2);
      expect(Math.abs(image.height - 2 * Number(height))).toBeLessThan(2);
      expect(await hasClearBorder(png, 16), `${name} is cut off`).toBe(true);
    }
  });

  it('draws a labelled bar for every quantizer', async () => {
    const bars = await drawn(resnet20Run).svg('bitwidths');
    expect(marks(bars, 'fill', '#0072B2')).toBe(20);
    expect(marks(bars, 'fill', '#56B4E9')).toBe(1);
    expect(marks(bars, 'fill', '#D55E00')).toBe(19);
    const labels = texts(bars);
    expect(labels.filter((label) => label === 'res2/layer3/basicblock1')).toHaveLength(2);
    expect(labels.filter((label) => label === 'fc' || label === 'fc/b')).toHaveLength(2);
    expect(labels).toContain('PARAMETRIC_FP_WAQ_DELTA_XMAX_CON_WAMQ');
  });

  it('names every layer of a deep network', async () => {
    const { svg, folder } = await plotted({ ...resnet20Run, name: 'DEEP', layers: 61, epochs: 6 });
    for (const name of ['bitwidths', 'bitwidths_history']) {
      const labels = texts(svg(name)).filter((label) => /^(conv1|res|fc)/.test(label));
      expect(labels, name).toHaveLength(61 + 2 + 61);
      expect(await hasClearBorder(join(folder, 'plots', `${name}.png`), 16)).toBe(true);
    }
  });

  it('shows a budget as a labelled dashed line, only where there is one', async () => {
    const sizes = await drawn(resnet20Run).svg('sizes');
    expect(texts(sizes).filter((label) => label.startsWith('budget'))).toEqual(['budget 70 kB', 'budget 8 kB']);
    expect(sizes.split('stroke-dasharray="5,4"')).toHaveLength(3);
  });

  it('writes a budget above its line, inside of the frame, where the curve stays just below it', async () => {
    const record = readRunRecord(writeExampleRun(parent, { ...resnet20Run, name: 'KEPT', epochs: 3 }));
    const sizes = record.sizes.map((size) => ({ ...size, weightsKbytes: 69.4, activationsMaxKbytes: 7.9 }));
    const svg = await renderSvg(plotsOf({ ...record, sizes }).get('sizes')!);
    const labels = [...svg.matchAll(/<text[^>]*translate\([\d.]+,([\d.-]+)\)[^>]*>budget /g)].map(([, y]) => Number(y));
    const lines = [...svg.matchAll(/translate\(0,([\d.]+)\)[^>]*stroke-dasharray="5,4"/g)].map(([, y]) => Number(y));
    expect([labels.length, lines.length]).toEqual([2, 2]);
    for (const [i, y] of labels.entries()) {
      expect(y).toBeLessThan(lines[i]!);
      expect(y).toBeGreaterThan(LABEL_SIZE);
    }
  });

  it('draws a float run without bitwidths', async () => {
    const { names, svg } = drawn({ name: 'FLOAT', epochs: 20, layers: 19, quantized: false });
    expect(names).toEqual(['losses', 'accuracy', 'sizes']);
    const sizes = texts(await svg('sizes'));
    expect(sizes.some((label) => label.startsWith('budget'))).toBe(false);
    expect(sizes.join()).toContain('weights 1048 kB');
  });

  it('draws one epoch as points above a single whole number', async () => {
    const { names, svg } = drawn({ ...resnet20Run, name: 'ONE', epochs: 1 });
    expect(names).not.toContain('bitwidths_history');
    const losses = await svg('losses');
    expect(marks(losses.replace(/<text.*?<\/text>/gs, ''), 'fill', '#0072B2', '#D55E00')).toBe(2);
    const afterTitle = texts(losses).filter((label) => /^\d+$/.test(label));
    expect(afterTitle).toEqual(['1']);
  });

  it('keeps the labels of curves that end at the same value apart', async () => {
    const losses = await drawn({ ...resnet20Run, name: 'HIGH_LOSS', epochs: 3, badStart: 1e6 }).svg('losses');
    const heights = [...losses.matchAll(/<text[^>]*translate\([\d.]+,([\d.]+)\)[^>]*>(?:training|test) /g)];
    expect(heights).toHaveLength(2);
    expect(Math.abs(Number(heights[0]?.[1]) - Number(heights[1]?.[1]))).toBeGreaterThan(12);
  });

  it('switches to a logarithmic axis with plain numbers where the loss falls a hundredfold', async () => {
    const losses = await drawn({ ...resnet20Run, name: 'BAD_START', epochs: 60, badStart: 900 }).svg('losses');
    expect(texts(losses)).toEqual(expect.arrayContaining(['cross-entropy (logarithmic)', '1000', '10', '0.1']));
  });

  it('draws cross-entropy alone, whatever the penalty of a budget adds', async () => {
    const run = { ...resnet20Run, name: 'PENALTY', epochs: 6 };
    const without = await drawn(run).svg('losses');
    expect(await drawn({ ...run, penalty: 900 }).svg('losses')).toBe(without);
    expect(texts(without)).toContain('cross-entropy');
  });

  it('says what the evaluations are of', async () => {
    const run = { ...resnet20Run, name: 'HELD_OUT', epochs: 3 };
    const held = texts(await drawn({ ...run, select: 'validation' }).svg('accuracy'));
    expect(held.some((text) => /^best validation error /.test(text))).toBe(true);
    expect(held.some((text) => /^validation \d/.test(text))).toBe(true);
    expect(texts(await drawn(run).svg('accuracy')).join()).not.toContain('validation');
    const last = texts(await drawn({ ...run, select: 'last' }).svg('accuracy'));
    expect(last.some((text) => /^test error .* \(epoch \d\)/.test(text))).toBe(true);
  });

  it('says which epoch is shown, and when none obeyed the budget', async () => {
    const finished = drawn({ ...resnet20Run, name: 'OVER', epochs: 7, overBudget: true });
    expect(texts(await finished.svg('losses'))).toContain('no epoch obeyed the budget');
    expect(texts(await finished.svg('bitwidths'))).toContain('Bitwidths after epoch 7');
    const running = drawn({ ...resnet20Run, name: 'RUNNING', epochs: 7, unfinished: true });
    expect(texts(await running.svg('losses')).some((text) => /^test error .* \(epoch 7\)/.test(text))).toBe(true);
  });

  it('draws the same bytes again', async () => {
    const run = { ...resnet20Run, name: 'AGAIN', epochs: 8 };
    const first = await plotted(run);
    const bytes = () => first.names.map((name) => readFileSync(join(first.folder, 'plots', name), 'latin1'));
    const before = bytes();
    await plotRun(first.folder);
    expect(bytes()).toEqual(before);
  });

  it('writes nothing before the first epoch has ended', async () => {
    const { folder, names } = await plotted({ ...resnet20Run, name: 'JUST_STARTED', epochs: 0, unfinished: true });
    expect(names).toEqual([]);
    expect(existsSync(join(folder, 'plots'))).toBe(false);
  });

  it('refuses a folder that is no run, saying what is missing', async () => {
    const empty = temporaryFolder();
    await expect(plotRun(empty)).rejects.toThrow(InputError);
    await expect(plotRun(empty)).rejects.toThrow('config.json');
    await expect(plotRun(join(parent, 'nowhere'))).rejects.toThrow(InputError);
  });
});

describe('plotRuns', () => {
  it('lays curves over each other with a legend, and bitwidths side by side', async () => {
    const runs = [
      writeExampleRun(parent, { ...resnet20Run, name: 'FIRST', epochs: 30 }),
      writeExampleRun(parent, { ...resnet20Run, name: 'SECOND', epochs: 20, targetWeightKbytes: 50 }),
      writeExampleRun(parent, { name: 'BASELINE', epochs: 30, layers: 19, quantized: false }),
    ];
    const out = join(parent, 'compared');
    const paths = await plotRuns(runs, out);
    expect(paths).toHaveLength(8);
    const svg = (name: string) => readFileSync(join(out, `${name}.svg`), 'utf8');
    for (const name of ['losses', 'accuracy', 'sizes']) {
      expect(texts(svg(name)), name).toEqual(expect.arrayContaining(['FIRST', 'SECOND', 'BASELINE']));
      expect(marks(svg(name), 'stroke', '#009E73'), name).toBeGreaterThan(0);
    }
    expect(texts(svg('sizes'))).toEqual(expect.arrayContaining(['70 kB', '50 kB', '1024']));
    expect(texts(svg('bitwidths'))).not.toContain('BASELINE');
    expect(marks(svg('bitwidths'), 'fill', '#D55E00')).toBe(2 * 19);
    expect(texts(svg('bitwidths')).filter((label) => label === 'fc/b')).toHaveLength(1);
    for (const path of paths.filter((name) => name.endsWith('.png'))) {
      expect(await hasClearBorder(path, 16), path).toBe(true);
    }
  });

  it('tells runs of the same name apart', async () => {
    const other = temporaryFolder();
    const run = { ...resnet20Run, name: 'SAME', epochs: 4 };
    await plotRuns([writeExampleRun(parent, run), writeExampleRun(other, run)], join(parent, 'same'));
    const svg = readFileSync(join(parent, 'same', 'accuracy.svg'), 'utf8');
    expect(texts(svg)).toEqual(expect.arrayContaining([basename(parent), basename(other)]));
  });
});
