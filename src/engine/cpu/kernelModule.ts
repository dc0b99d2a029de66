/**
 * The compiled kernels: the relaxed-SIMD binary where the runtime has it, the plain one elsewhere. A kernel's number is
 * its place among the module's exported functions, behind the table's own entries.
 */
import type { CpuPlatform } from './platform.js';

export type SimdLevel = 'relaxed' | 'simd';

export interface KernelModule {
  readonly module: WebAssembly.Module;
  readonly level: SimdLevel;
  /** Names of the exported functions, in the order in which instances append them to their tables. */
  readonly kernels: readonly string[];
}

/** Exports of the module besides kernels. */
export interface ReplayExports {
  readonly table: WebAssembly.Table;
  replay(control: number): number;
  staticEnd(): number;
}

/** Compiles the binary of a level, as `npm run build:kernels` makes it; `auto` takes the best that validates. */
export async function compileKernels(platform: CpuPlatform, simd: 'auto' | SimdLevel): Promise<KernelModule> {
  if (simd !== 'simd') await platform.allowRelaxedSimd();
  const level = simd === 'auto' ? (WebAssembly.validate(relaxedProbe) ? 'relaxed' : 'simd') : simd;
  const module = await WebAssembly.compile(await platform.readKernels(level));
  const kernels = WebAssembly.Module.exports(module)
    .filter(({ kind }) => kind === 'function')
    .map(({ name }) => name);
  return { module, level, kernels };
}

/** An instance over `memory`, and the table index of each kernel. */
export function instantiateKernels(
  { module, kernels }: KernelModule,
  memory: WebAssembly.Memory,
  host: { call: (index: number) => void; now: () => number },
): { exports: ReplayExports; indexOf: ReadonlyMap<string, number> } {
  const instance = new WebAssembly.Instance(module, { env: { memory }, host });
  const exports = instance.exports as unknown as ReplayExports;
  const first = exports.table.grow(kernels.length);
  const indexOf = new Map<string, number>();
  kernels.forEach((name, position) => {
    exports.table.set(first + position, instance.exports[name]);
    indexOf.set(name, first + position);
  });
  return { exports, indexOf };
}

/** A module with one function: i32x4.relaxed_trunc_f32x4_s of zeros, dropped. */
const relaxedProbe = new Uint8Array([
  ...[0, 97, 115, 109, 1, 0, 0, 0],
  ...[1, 4, 1, 96, 0, 0],
  ...[3, 2, 1, 0],
  ...[10, 12, 1, 10, 0, 65, 0, 253, 17, 253, 129, 2, 26, 11],
]);
