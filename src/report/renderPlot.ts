/**
 * Renders a Vega-Lite specification as SVG and PNG, without a browser, a canvas or installed fonts.
 *
 * Vega, Vega-Lite and the rasterizer are imported at the first plot: a training run or `mpdnn --help` should not wait
 * for them.
 */
import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { loadOptional } from '../disk/optionalPackage.js';
import { makeFolder, writeDurably } from '../runs/index.js';
import { FONT_FAMILY, fontFile, textWidth } from './fontMetrics.js';
import { plotTheme } from './theme.js';

/** Pixels of the PNG for each of the SVG: sharp in print and on dense screens. */
const PNG_SCALE = 2;

/** Draws `spec` in the plots' theme. Resolves to the SVG's text. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')]);
  measureByFont(vega as unknown as VegaText);
  const { spec: compiled } = vegaLite.compile(spec, { config: plotTheme });
  const view = new vega.View(vega.parse(compiled), { renderer: 'none', logLevel: vega.Warn });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** Rasterizes an SVG at {@link PNG_SCALE} with the packaged font only, so that every machine draws the same picture. */
export async function renderPng(svg: string): Promise<Buffer> {
  const { Resvg } = await loadOptional('@resvg/resvg-js', 'pictures in PNG need it', () => import('@resvg/resvg-js'));
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: PNG_SCALE },
    background: '#ffffff',
    font: {
      loadSystemFonts: false,
      fontFiles: [fontFile('normal'), fontFile('bold')],
      defaultFontFamily: FONT_FAMILY,
    },
  });
  return image.render().asPng();
}

/** A picture as the files `NAME.svg` and `NAME.png`, by name. */
export async function drawPlot(spec: TopLevelSpec, name: string): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const svg = await renderSvg(spec);
  return new Map<string, string | Uint8Array>([
    [`${name}.svg`, svg],
    [`${name}.png`, await renderPng(svg)],
  ]);
}

/** Writes `NAME.svg` and `NAME.png` into `folder` durably. Resolves to the two paths. */
export async function writePlot(spec: TopLevelSpec, folder: string, name: string): Promise<string[]> {
  const files = await drawPlot(spec, name);
  makeFolder(folder);
  return [...files].map(([file, content]) => {
    const path = join(folder, file);
    writeDurably(path, content);
    return path;
  });
}

/** The hook by which Vega measures text, which is missing in its types. */
interface VegaText {
  readonly textMetrics: { width: (item: TextItem, text: unknown) => number };
}

interface TextItem {
  readonly fontSize?: number;
  readonly fontWeight?: string | number;
}

function measureByFont(vega: VegaText): void {
  vega.textMetrics.width = (item, text) => {
    const bold = item.fontWeight === 'bold' || Number(item.fontWeight) >= 600;
    return textWidth(String(text ?? ''), item.fontSize ?? 11, bold ? 'bold' : 'normal');
  };
}
