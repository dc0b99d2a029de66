import { resolve } from 'node:path';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { compiledFiles, compiledSources } from './test/compiledSources.js';

/** Files on SwiftShader, whose turns of the event loop (`test/softwareGpu.ts`) are not for the others. */
const gpu = [
  ...['src/engine/gpu/gpuEngine.test.ts', 'src/engine/gpu/flatMemory.test.ts', 'src/program/session.test.ts'],
  ...['src/engine/gpu/kernels/matrixTile.test.ts', 'test/gpuGolden.test.ts', 'test/engine/mobilenetStep.test.ts'],
  ...['test/browser/library.test.ts', 'test/cli/gpu.test.ts'],
];

/**
 * Files that take a process each. The others take turns in a few processes that import the sources once, which would take
 * longer than most tests do.
 */
const alone = [
  // Modules are replaced, or must not have been imported before.
  ...['src/report/renderPlot.test.ts', 'test/cli/fullDisk.test.ts', 'test/cli/lock.test.ts'],
  // V8 compiles WebAssembly otherwise.
  'test/ship/runtime.test.ts',
  // A kind of quantizers is added.
  'test/docs/ownQuantizer.test.ts',
  // What they may take of memory is measured.
  'test/fuzz/*.test.ts',
];

/** Files that take long, the longest first: begun at the end, one of them would keep a core busy and leave the other idle. */
const longest = [
  ...['src/engine/gpu/gpuEngine', 'test/browser/library', 'test/cli/gpu', 'test/ship/runtime', 'test/cli/lock'],
  ...['test/fuzz/parsers', 'test/cli/commands', 'test/cli/reproduce', 'test/cli/streaming', 'test/ship/qemu/qemu'],
  ...['test/ship/onnx', 'test/cli/interruption', 'test/ship/c', 'test/browser/classify', 'test/ship/exactness'],
  ...['test/ranks', 'test/browser/watch'],
  ...['test/ship/forms/forms.thorough', 'test/golden.thorough', 'src/engine/gpu/gpuEngine.thorough'],
];

/** Projects in the order in which they run. */
const turns = ['gpu', 'alone', 'together', 'thorough'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((file) => moduleId.endsWith(`/${file}.test.ts`));
      return index < 0 ? longest.length : index;
    };
    // A process takes files of one project as long as the next file is of it.
    const turn = ({ project }: TestSpecification) => turns.indexOf(project.name);
    return (await super.sort(files)).sort((a, b) => turn(a) - turn(b) || place(a) - place(b));
  }
}

/** What takes minutes and guards against rare things: not in `npm test`, but in `npm run test:thorough`, which CI runs too. */
const thorough = '{src,test}/**/*.thorough.test.ts';

/** For tests that replace no module of the sources. */
const compiled: TestProjectInlineConfiguration = {
  extends: true,
  plugins: [compiledSources()],
  test: { server: { deps: { external: [compiledFiles] } }, execArgv: ['--enable-source-maps'] },
};

export default defineConfig({
  // The package by its name, from the sources.
  resolve: {
    alias: [
      { find: /^mixed-precision-dnns\/browser$/, replacement: resolve('src/browser.ts') },
      { find: /^mixed-precision-dnns\/runtime$/, replacement: resolve('src/runtime/index.ts') },
      { find: /^mixed-precision-dnns$/, replacement: resolve('src/index.ts') },
    ],
  },
  test: {
    globalSetup: 'test/globalSetup.ts',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // More than cores: some tests wait, for a browser or a queue of jobs.
    maxWorkers: 3,
    provide: { isThorough: false },
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        ...compiled,
        test: { ...compiled.test, name: 'gpu', include: gpu, exclude: [thorough], isolate: false },
      },
      { extends: true, test: { name: 'alone', include: alone, exclude: [thorough] } },
      {
        ...compiled,
        test: {
          ...compiled.test,
          ...{ name: 'together', include: ['{src,test}/**/*.test.ts'], exclude: [...gpu, ...alone, thorough] },
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: 'thorough', include: [thorough], testTimeout: 900_000, provide: { isThorough: true } },
      },
    ],
  },
});
