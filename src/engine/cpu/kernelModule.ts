/**
 * The compiled kernels: relaxed-SIMD binaries if the runtime supports them, else plain SIMD. There is a file for
 * evaluation, which also has the replay loop, and files for training and for products of integers, for which plans that
 * do not need them do not wait. A kernel's number is its index in the first one's table.
 */
import type { CpuPlatform } from './platform.js';

export type SimdLevel = 'relaxed' | 'simd';

/** A file of kernels, by its source `kernels/….ts`. */
export type KernelFile = 'evaluation' | 'training' | 'integers';

export interface KernelModule {
  readonly module: WebAssembly.Module;
  /** Names of the exported functions, in the order in which instances append them to the table. */
  readonly kernels: readonly string[];
}

export interface Kernels {
  readonly level: SimdLevel;
  readonly evaluation: KernelModule;
  /** The modules with kernels of these names, that for evaluation first. */
  modulesOf(names: Iterable<string>): Promise<readonly [KernelModule, ...KernelModule[]]>;
}

/** Exports of the first module besides kernels. */
export interface ReplayExports {
  readonly table: WebAssembly.Table;
  replay(control: number): number;
  staticEnd(): number;
}

/** Compiles the binaries of a level, as made by `npm run build:kernels`; `auto` takes the best level that validates. */
export async function compileKernels(platform: CpuPlatform, simd: 'auto' | SimdLevel): Promise<Kernels> {
  if (simd !== 'simd') await platform.allowRelaxedSimd();
  const level = simd === 'auto' ? (WebAssembly.validate(relaxedProbe) ? 'relaxed' : 'simd') : simd;
  const compile = async (file: KernelFile): Promise<KernelModule> => {
    const module = await WebAssembly.compile(await platform.readKernels(file, level));
    const functions = WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'function');
    return { module, kernels: functions.map(({ name }) => name) };
  };
  const evaluation = await compile('evaluation');
  const known = new Set(evaluation.kernels);
  const others = new Map<KernelFile, Promise<KernelModule>>();
  return {
    level,
    evaluation,
    modulesOf: async (names) => {
      const missing = [...names].filter((name) => !known.has(name));
      for (const file of new Set(missing.map(fileOf))) if (!others.has(file)) others.set(file, compile(file));
      return [evaluation, ...(await Promise.all([...others.values()]))];
    },
  };
}

/** The file of a kernel that is not for evaluation. Kernels for products of integers say so by their names. */
function fileOf(name: string): KernelFile {
  return name.includes('Integer') ? 'integers' : 'training';
}

/** Instances of the modules over `memory`, and the table index of each kernel. */
export function instantiateKernels(
  modules: readonly [KernelModule, ...KernelModule[]],
  memory: WebAssembly.Memory,
  host: { call: (index: number) => void; now: () => number },
): { exports: ReplayExports; indexOf: ReadonlyMap<string, number> } {
  const instances = modules.map(({ module }) => new WebAssembly.Instance(module, { env: { memory }, host }));
  const exports = instances[0]!.exports as unknown as ReplayExports;
  const indexOf = new Map<string, number>();
  for (const [file, { kernels }] of modules.entries()) {
    const first = exports.table.grow(kernels.length);
    kernels.forEach((name, position) => {
      exports.table.set(first + position, instances[file]!.exports[name]);
      indexOf.set(name, first + position);
    });
  }
  return { exports, indexOf };
}

/** A module with one function: i32x4.relaxed_trunc_f32x4_s of zeros, dropped. */
const relaxedProbe = new Uint8Array([
  ...[0, 97, 115, 109, 1, 0, 0, 0],
  ...[1, 4, 1, 96, 0, 0],
  ...[3, 2, 1, 0],
  ...[10, 12, 1, 10, 0, 65, 0, 253, 17, 253, 129, 2, 26, 11],
]);
