/** Operations with a part left out, which do not compile; `npm run typecheck` reads the `@ts-expect-error`s. */

import { expect, it } from 'vitest';
import { averageLike } from '../../test/engine/windows.js';
import { lowerings as cpuLowerings } from '../engine/cpu/lowering/index.js';
import { lowerings as gpuLowerings } from '../engine/gpu/lowering.js';
import { Graph } from '../graph/index.js';
import { type AveragePool, averagePoolDefinition } from './averagePool.js';
import type { Definition } from './definition.js';
import { definitions } from './index.js';
import { resultShapes } from './shapes.js';

const window = averageLike({ size: 2, stride: 2 });

it('an operation without a gradient, a shape rule or a meaning is none', () => {
  const { gradient, ...withoutGradient } = averagePoolDefinition;
  const { sizes, ...withoutShapeRule } = averagePoolDefinition;
  const { compute, ...withoutMeaning } = averagePoolDefinition;
  const incomplete: Definition<AveragePool>[] = [
    // @ts-expect-error neither a rule nor the word 'none'
    withoutGradient,
    // @ts-expect-error nothing says how many windows there are
    withoutShapeRule,
    // @ts-expect-error no float64
    withoutMeaning,
  ];
  expect(incomplete.every((definition) => definition.op === 'averagePool')).toBe(true);
  const graph = new Graph();
  const x = graph.tensor('x', [1, 4, 4, 1]);
  const unruled = withoutShapeRule as unknown as Definition<AveragePool>;
  expect(() => resultShapes(unruled, { x }, window)).toThrow('averagePool: no shape rule says how large Y of y is');
  expect(resultShapes(averagePoolDefinition, { x }, window).y).toEqual([1, 2, 2, 1]);
});

it('an operation without a definition, or without a kernel on an engine, is none', () => {
  const { averagePool: definition, ...otherDefinitions } = definitions;
  const { averagePool: onCpu, ...otherCpuLowerings } = cpuLowerings;
  const { averagePoolGradient: onGpu, ...otherGpuLowerings } = gpuLowerings;
  // @ts-expect-error no definition
  const defined: typeof definitions = otherDefinitions;
  // @ts-expect-error no kernel
  const lowered: typeof cpuLowerings = otherCpuLowerings;
  // @ts-expect-error no kernel of the gradient
  const loweredOnGpu: typeof gpuLowerings = otherGpuLowerings;
  expect([defined, lowered, loweredOnGpu].every((registry) => Object.keys(registry).length > 0)).toBe(true);
});

it.each(Object.entries(definitions))('%s is called what its definition says', (name, { op }) => {
  expect(op).toBe(name);
});
