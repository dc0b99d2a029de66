/**
 * The profile of a training step, kernel by kernel: time, rates of arithmetic and of memory traffic, and the share of
 * the machine's ceiling (the lower one of both).
 */

import { type Ceilings, measureCeilings, secondsAtCeiling } from '../engine/ceilings.js';
import type { Engine, ProfileEntry } from '../engine/engine.js';
import { type AnyNode, operandsOf, resultsOf } from '../graph/graph.js';
import { elementCount, type Tensor } from '../graph/tensor.js';
import { STORAGE } from '../nn/index.js';
import { METRICS } from '../ops/attributes.js';
import { type Cost, costOf } from '../ops/cost.js';
import { definitionOf } from '../ops/index.js';
import type { Session } from '../program/session.js';
import { percent } from './progress.js';
import { textTable } from './textTable.js';

interface ProfileRow {
  readonly operation: string;
  /** Shapes of both operands of a product, or of the largest tensor; empty in a row that sums up an operation. */
  readonly shapes: string;
  readonly calls: number;
  readonly kernels: number;
  readonly millisecondsPerStep: number;
  /** Fraction of a step's time. */
  readonly share: number;
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Time at the machine's ceiling over time taken; above 1 where Winograd saves arithmetic. */
  readonly ofCeiling: number;
}

export interface StepProfile {
  readonly ceilings: Ceilings;
  /** Operations of one kind together, longest first. */
  readonly operations: readonly ProfileRow[];
  /** Operations of one kind and shape together, longest first. */
  readonly kernels: readonly ProfileRow[];
  readonly total: ProfileRow;
}

/** The profile of the training steps that the session has run so far. */
export async function profileSteps(engine: Engine, { program }: Session): Promise<StepProfile> {
  const entries = (await program.profile()).filter(({ phase }) => phase === 'train');
  const steps = (await program.read(STORAGE.metrics))[METRICS.steps]!;
  const ceilings = await measureCeilings(engine);
  const totalMs = entries.reduce((sum, { ms }) => sum + ms, 0);
  const rowOf = (operation: string, shapes: string, members: readonly ProfileEntry[]): ProfileRow => {
    const nodes = [...new Set(members.map(({ node }) => node))];
    const ms = members.reduce((sum, entry) => sum + entry.ms, 0);
    const cost = sumOf(nodes.map(costOf));
    const perSecond = (1000 * steps) / ms;
    return {
      operation,
      shapes,
      calls: nodes.length,
      kernels: members.length,
      millisecondsPerStep: ms / steps,
      share: ms / totalMs,
      flopsPerSecond: cost.flops * perSecond,
      bytesPerSecond: cost.bytes * perSecond,
      ofCeiling: nodes.reduce((seconds, node) => seconds + secondsAtCeiling(costOf(node), ceilings), 0) * perSecond,
    };
  };
  const grouped = (keyOf: (node: AnyNode) => string, shapesOf: (node: AnyNode) => string) =>
    [...groupBy(entries, ({ node }) => keyOf(node)).values()]
      .map((members) => rowOf(members[0]!.node.op, shapesOf(members[0]!.node), members))
      .sort((a, b) => b.millisecondsPerStep - a.millisecondsPerStep);
  return {
    ceilings,
    operations: grouped(
      ({ op }) => op,
      () => '',
    ),
    kernels: grouped((node) => `${node.op} ${shapes(node)}`, shapes),
    total: rowOf('all', '', entries),
  };
}

export function describeProfile({ ceilings, operations, kernels, total }: StepProfile): string {
  const { flopsPerSecond, memory } = ceilings;
  const header = ['operation', 'shapes', 'calls', 'kernels', 'ms a step', 'share', 'GFLOP/s', 'GB/s', 'of ceiling'];
  const sums = memory.map(({ bytes, bytesPerSecond }) => `${giga(bytesPerSecond)} for ${size(bytes)}`);
  const measured = `ceilings: product ${giga(flopsPerSecond)} GFLOP/s, memory in GB/s ${sums.join(', ')}`;
  const table = (rows: readonly ProfileRow[]) => textTable([header, ...rows.map(cells)]);
  return [measured, '', table(kernels), '', table([...operations, total])].join('\n');
}

function cells(row: ProfileRow): string[] {
  return [
    row.operation,
    row.shapes,
    String(row.calls),
    String(row.kernels),
    row.millisecondsPerStep.toFixed(3),
    percent(row.share, 1),
    row.flopsPerSecond > 0 ? giga(row.flopsPerSecond) : '',
    giga(row.bytesPerSecond),
    percent(row.ofCeiling, 0),
  ];
}

function size(bytes: number): string {
  return bytes < 2 ** 20 ? `${Math.round(bytes / 2 ** 10)} KiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** Billions a second, to three digits. */
function giga(perSecond: number): string {
  const value = perSecond / 1e9;
  return value < 100 ? value.toPrecision(3) : value.toFixed(0);
}

function sumOf(costs: readonly Cost[]): Cost {
  return costs.reduce((sum, { flops, bytes }) => ({ flops: sum.flops + flops, bytes: sum.bytes + bytes }), {
    flops: 0,
    bytes: 0,
  });
}

/** The operands' shapes for a product, the largest tensor's for anything else. */
function shapes(node: AnyNode): string {
  const present = operandsOf(node);
  const text = ({ shape }: Tensor) => shape.join('×');
  if (definitionOf(node).product) return present.slice(0, 2).map(text).join(', ');
  const sizes = [...present, ...resultsOf(node)];
  return text(sizes.reduce((most, tensor) => (elementCount(tensor.shape) > elementCount(most.shape) ? tensor : most)));
}

function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    groups.set(key, [...(groups.get(key) ?? []), value]);
  }
  return groups;
}
