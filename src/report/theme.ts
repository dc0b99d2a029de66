/**
 * The theme of all plots: colours, sizes and the grid.
 *
 * Colours are those of Okabe and Ito, which can be told apart with any colour vision and in grey print
 * (https://jfly.uni-koeln.de/color/), without their yellow, which is too pale for a line on white.
 */
import type { Config } from 'vega-lite';
import { FONT_FAMILY } from './fontMetrics.js';

export const INK = '#222222';
export const MUTED_INK = '#5f5f5f';
const GRID = '#e4e4e4';

export const TRAINING_COLOR = '#0072B2';
export const EVALUATION_COLOR = '#D55E00';
export const WEIGHT_COLOR = '#0072B2';
export const BIAS_COLOR = '#56B4E9';
export const ACTIVATION_COLOR = '#D55E00';

export const RUN_COLORS: readonly string[] = [
  '#0072B2',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#E69F00',
  '#56B4E9',
  '#222222',
  '#8C6D31',
];

export const LABEL_SIZE = 10.5;
export const SMALL_LABEL_SIZE = 9;
/** Number of layers from which rows are closer and smaller. */
export const MANY_ROWS = 45;
export const LINE_WIDTH = 1.75;

/** Titles of the panels of one plot, below the plot's own title. */
export const PANEL_TITLE = { fontSize: 11.5, anchor: 'start', frame: 'group', offset: 9 } as const;

export const plotTheme: Config = {
  // Verdana is closest to DejaVu in width, so an SVG keeps its layout on a machine without DejaVu.
  font: `${FONT_FAMILY}, Verdana, sans-serif`,
  background: '#ffffff',
  padding: 14,
  aria: false,
  view: { stroke: null },
  axis: {
    domainColor: '#8a8a8a',
    tickColor: '#8a8a8a',
    tickSize: 4,
    gridColor: GRID,
    gridWidth: 0.75,
    labelColor: INK,
    labelFontSize: LABEL_SIZE,
    labelPadding: 4,
    labelFlush: false,
    titleColor: INK,
    titleFontSize: 11.5,
    titleFontWeight: 'normal',
    titlePadding: 7,
  },
  legend: {
    labelColor: INK,
    labelFontSize: LABEL_SIZE,
    labelLimit: 0,
    titleColor: INK,
    titleFontSize: LABEL_SIZE,
    titleFontWeight: 'normal',
    symbolStrokeWidth: 2.5,
  },
  title: {
    anchor: 'start',
    color: INK,
    fontSize: 14,
    fontWeight: 'bold',
    subtitleColor: MUTED_INK,
    subtitleFontSize: LABEL_SIZE,
    subtitlePadding: 5,
    offset: 14,
  },
  text: { color: INK, fontSize: LABEL_SIZE },
};
