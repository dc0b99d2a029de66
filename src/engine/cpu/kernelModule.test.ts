import { describe, expect, it } from 'vitest';
import { Graph } from '../../graph/index.js';
import { makePlan } from '../../passes/index.js';
import { openCpuEngine } from './cpuEngine.js';
import type { KernelFile, SimdLevel } from './kernelModule.js';
import { nodePlatform } from './nodePlatform.js';

describe.each(['relaxed', 'simd'] as const)('the files of kernels (%s)', (level: SimdLevel) => {
  const compiled = async (file: KernelFile) => {
    await nodePlatform.allowRelaxedSimd();
    return new WebAssembly.Module(await nodePlatform.readKernels(file, level));
  };
  const namesOf = (module: WebAssembly.Module) => WebAssembly.Module.exports(module).map(({ name }) => name);

  it('have no kernel in common', async () => {
    const files = await Promise.all((['evaluation', 'training', 'integers'] as const).map(compiled));
    const names = files.flatMap(namesOf).filter((name) => name !== 'memory');
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name.includes('Integer'), name).toBe(namesOf(files[2]!).includes(name));
  });

  it.each(['training', 'integers'] as const)('are but one with static data: %s has none', async (file) => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    new WebAssembly.Instance(await compiled(file), { env: { memory } });
    expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true);
  });
});

it('a plan that trains nothing needs the first file only', async () => {
  const read: KernelFile[] = [];
  const platform = {
    ...nodePlatform,
    readKernels: (file: KernelFile, level: SimdLevel) => {
      read.push(file);
      return nodePlatform.readKernels(file, level);
    },
  };
  const engine = await openCpuEngine(platform, { threads: 1 });
  const graph = new Graph();
  const whole = (name: string) => graph.whole({ name, dtype: 'float', length: 8 }, [2, 4]);
  const [a, b, y] = [whole('a'), whole('b'), whole('y')];
  graph.append('add', { a, b }, { y }, {});
  await engine.load(makePlan({ step: graph }));
  expect(read).toEqual(['evaluation']);
  await engine.dispose();
});
