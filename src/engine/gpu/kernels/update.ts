/**
 * The end of a training step: the update of the parameters, and of the quantizer table with its memory budget; moving
 * averages.
 */

import { elementCount } from '../../../graph/tensor.js';
import { CONTROL, PENALTIES } from '../../../ops/attributes.js';
import { bitsPerKbyte, type MemorySets, memorySets } from '../../../quant/index.js';
import { elementwiseMain, float, kernelSource, linearDispatch, type Operand, tensorOperand } from '../kernel.js';
import { lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { memorySets as memorySetSearch, packSets } from '../wgsl/memorySets.js';
import { effectiveRanges, packRows, quantizerCalculus } from '../wgsl/quantizerRows.js';
import { solverStep } from '../wgsl/solver.js';

export const parameterUpdate: Lowering<'parameterUpdate'> = (node, placement) => {
  const { parameters, gradients, velocity, secondMoment, control } = node.operands;
  const { solver, weightDecay, learningRateFactor = 1 } = node.attributes;
  const length = elementCount(parameters.shape);
  const lanes = lanesFor(length);
  const { operands, number, finish } = kernelSource(
    {
      parameters: tensorOperand(placement, parameters, 'write'),
      gradients: tensorOperand(placement, gradients, 'read'),
      velocity: tensorOperand(placement, velocity, 'write'),
      secondMoment: secondMoment && tensorOperand(placement, secondMoment, 'write'),
      control: tensorOperand(placement, control, 'read'),
    },
    wideIf(lanes, ['parameters', 'gradients', 'velocity', 'secondMoment']),
  );
  const state = (stored: Operand) => ({
    load: lanes.load(stored, 'i'),
    store: (value: string) => lanes.store(stored, 'i', value),
  });
  const body = elementwiseMain(
    length / lanes.width,
    `let rate = ${number(learningRateFactor)} * ${operands.control.load(`${CONTROL.learningRate}u`)};
  let parameter = ${lanes.load(operands.parameters, 'i')};
  let gradient = ${lanes.load(operands.gradients, 'i')} + ${number(weightDecay)} * parameter;
  ${solverStep(solver, number, state(operands.velocity), secondMoment && state(operands.secondMoment))}
  ${lanes.store(operands.parameters, 'i', 'parameter - step')}`,
  );
  return [finish('parameterUpdate', linearDispatch(length / lanes.width), body)];
};

export const movingAverage: Lowering<'movingAverage'> = (node, placement) => {
  const { values, average, control } = node.operands;
  const length = elementCount(values.shape);
  const lanes = lanesFor(length);
  const { operands, finish } = kernelSource(
    {
      values: tensorOperand(placement, values, 'read'),
      average: tensorOperand(placement, average, 'write'),
      control: tensorOperand(placement, control, 'read'),
    },
    wideIf(lanes, ['values', 'average']),
  );
  const body = elementwiseMain(
    length / lanes.width,
    `let weight = ${operands.control.load(`${CONTROL.averageWeight}u`)};
  let average = ${lanes.load(operands.average, 'i')};
  ${lanes.store(operands.average, 'i', `average + weight * (${lanes.load(operands.values, 'i')} - average)`)}`,
  );
  return [finish('movingAverage', linearDispatch(length / lanes.width), body)];
};

export const prepareQuantizers: Lowering<'prepareQuantizers'> = (node, placement) => {
  const { rows } = node.attributes;
  const { operands, words, finish } = kernelSource({
    table: tensorOperand(placement, node.operands.table, 'read'),
    ranges: tensorOperand(placement, node.results.ranges, 'write'),
  });
  const body = `${words(packRows(rows))}${effectiveRanges(rows)}
${elementwiseMain(
  rows.length,
  `var words = rowAt(i);
  let range = effective(&words, ${pairAt(operands.table, 'i')});
  ${storePair(operands.ranges, 'i', 'range')}`,
)}`;
  return [finish('prepareQuantizers', linearDispatch(rows.length), body)];
};

/**
 * Rows of a table's shader, and words for its sets of tensors, are rounded up to multiples of these, so that tables of
 * similar size share a pipeline.
 */
const rowBlock = 16;
const wordBlock = 512;

/** The sizes in the order of their computation, each with its position in the penalties. */
const sizes: readonly (readonly [keyof MemorySets, keyof typeof PENALTIES])[] = [
  ['weights', 'weightKbytes'],
  ['max', 'activationMaxKbytes'],
  ['sum', 'activationSumKbytes'],
  ['peak', 'activationPeakKbytes'],
];

/** Two numbers a row, and two more, in the 16 KiB of workgroup memory that WebGPU guarantees. */
const mostRows = 2032;

/**
 * One workgroup does everything: bits row by row, then one invocation adds up the sizes in the order of the rows, then
 * the updates row by row. Drivers take longest to compile it, so values that differ between networks are parameters.
 */
export const quantizerUpdate: Lowering<'quantizerUpdate'> = (node, placement) => {
  const { rows, unquantized, budget, solver, weightDecay, learningRateFactor = 1 } = node.attributes;
  const { secondMoment, bitCaps, keptShares } = node.operands;
  const { operands, parameter, number, words, finish } = kernelSource({
    table: tensorOperand(placement, node.operands.table, 'write'),
    sums: tensorOperand(placement, node.operands.sums, 'read'),
    velocity: tensorOperand(placement, node.operands.velocity, 'write'),
    secondMoment: secondMoment && tensorOperand(placement, secondMoment, 'write'),
    control: tensorOperand(placement, node.operands.control, 'read'),
    bitCaps: bitCaps && tensorOperand(placement, bitCaps, 'read'),
    keptShares: keptShares && tensorOperand(placement, keptShares, 'read'),
    gradients: tensorOperand(placement, node.results.gradients, 'write'),
    limited: tensorOperand(placement, node.results.limited, 'write'),
    penalties: tensorOperand(placement, node.results.penalties, 'write'),
  });
  const flag = (value: boolean) => `(${parameter(value ? 1 : 0)} == 1u)`;
  const control = (name: keyof typeof CONTROL) => operands.control.load(`${CONTROL[name]}u`);
  const penalty = (name: keyof typeof PENALTIES, value: string) =>
    operands.penalties.store(`${PENALTIES[name]}u`, value);
  const hasBudget = flag(budget.weightKbytes > 0 || budget.activationKbytes > 0);
  const room = blocks(rows.length, rowBlock);
  if (room > mostRows) {
    throw new Error(`${rows.length} quantizers: a GPU's workgroup has room for ${mostRows}; use --device cpu`);
  }
  const rowCount = parameter(rows.length);
  const rowWords = packRows(rows, room);
  const sets = packSets(memorySets(rows, unquantized), rowWords.length);
  const state = (stored: Operand) => ({
    load: pairAt(stored, 'i'),
    store: (value: string) => storePair(stored, 'i', value),
  });
  const size = 128;
  const sizeIndex = (list: keyof MemorySets) => sizes.findIndex(([name]) => name === list);
  /** The slope of a budget's penalty in loss per kB; counts the elements of its largest set. */
  const price = (target: number, set: string, loss: 'loss2' | 'loss3', role: 'Weight' | 'Activation') => `
  if (${flag(target > 0)}) {
    let excess = max(kbytes(${set}) - ${number(target)}, 0.0);
    ${penalty(loss, 'excess * excess')}
    slopes.${role === 'Weight' ? 'x' : 'y'} = 2.0 * ${control(`lambda${role}`)} * excess;
    countElements(${set}.z);
  } else {
    ${penalty(loss, '0.0')}
  }`;
  const stored = 'projected(row, p - step)';
  const capped = operands.bitCaps ? `capped(row, u32(${operands.bitCaps.load('i')}), p, ${stored})` : stored;
  const body = `${words(padded([...rowWords, ...sets.words], wordBlock))}${quantizerCalculus(rows)}
var<workgroup> bits: array<u32, ${room}>;
// Elements of each row in the largest set of its budget.
var<workgroup> elements: array<u32, ${room}>;
// Loss per kB of weights, of activations.
var<workgroup> slopes: vec2f;
${memorySetSearch(operands.keptShares && ((row) => operands.keptShares!.load(row)))}
fn addUp() {
  slopes = vec2f();
  for (var row = 0u; row < ${rowCount}; row++) { elements[row] = 0u; }
  let lists = array(${sizes.map(([list]) => parameter(sets.starts[list])).join(', ')});
  var largest: array<vec3u, ${sizes.length}>;
  for (var list = 0u; list < ${sizes.length}u; list++) { largest[list] = largestSet(lists[list]); }
  ${price(budget.weightKbytes, `largest[${sizeIndex('weights')}]`, 'loss2', 'Weight')}
  ${price(budget.activationKbytes, `largest[${parameter(sizeIndex(budget.activationType))}]`, 'loss3', 'Activation')}
  ${sizes.map(([, told], i) => penalty(told, `kbytes(largest[${i}])`)).join('\n  ')}
}
@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_index) t: u32) {
  for (var i = t; i < ${rowCount}; i += ${size}u) {
    var words = rowAt(i);
    bits[i] = inferredBits(&words, ${pairAt(operands.table, 'i')});
  }
  workgroupBarrier();
  if (t == 0u) { addUp(); }
  workgroupBarrier();
  let rate = ${number(learningRateFactor)} * ${control('learningRate')};
  for (var i = t; i < ${rowCount}; i += ${size}u) {
    var words = rowAt(i);
    let row = &words;
    let p = ${pairAt(operands.table, 'i')};
    let kbSlope = select(slopes.x, slopes.y, integer(row, isActivationField) == 1u);
    let slope = kbSlope * f32(elements[i]) * ${float(1 / bitsPerKbyte)};
    var whole = parameterGradients(row, p, ${pairAt(operands.sums, 'i')});
    if (slope != 0.0) { whole += slope * bitsGradient(row, p); }
    ${storePair(operands.gradients, 'i', 'whole')}
    if (learnsNothing(row)) {
      ${storePair(operands.limited, 'i', 'vec2f()')}
      continue;
    }
    let decayed = whole + ${number(weightDecay)} * p;
    let gradient = select(decayed, limited(row, p, decayed), ${hasBudget});
    ${storePair(operands.limited, 'i', 'gradient')}
    ${solverStep(solver, number, state(operands.velocity), secondMoment && state(operands.secondMoment))}
    ${storePair(operands.table, 'i', capped)}
  }
}
`;
  return [finish('quantizerUpdate', [1], body)];
};

function blocks(count: number, block: number): number {
  return block * Math.max(1, Math.ceil(count / block));
}

function padded(words: readonly number[], block: number): number[] {
  return [...words, ...new Array<number>(blocks(words.length, block) - words.length).fill(0)];
}

function pairAt(table: Operand, row: string): string {
  return `vec2f(${table.load(`2u * ${row}`)}, ${table.load(`2u * ${row} + 1u`)})`;
}

function storePair(table: Operand, row: string, value: string): string {
  return `{ let stored = ${value}; ${table.store(`2u * ${row}`, 'stored.x')} ${table.store(`2u * ${row} + 1u`, 'stored.y')} }`;
}
