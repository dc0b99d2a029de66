/**
 * A worker of the CPU engine: makes its instance of the kernels over the shared memory and serves runs until told to
 * stop. Plain JavaScript, as all of a worker's files, so that it runs from the sources and from `dist`.
 */
export function serveRuns({ modules, memory, control, worker }, answer) {
  const host = {
    now: () => performance.now(),
    call: () => {
      throw new Error('only the first worker makes host calls');
    },
  };
  const instances = modules.map(({ module }) => new WebAssembly.Instance(module, { env: { memory }, host }));
  const { table, serve } = instances[0].exports;
  for (const [file, { kernels }] of modules.entries()) {
    const first = table.grow(kernels.length);
    for (const [index, name] of kernels.entries()) table.set(first + index, instances[file].exports[name]);
  }
  const words = new Int32Array(memory.buffer, control, 64);
  const seen = Atomics.load(words, 0);
  answer('ready');
  try {
    serve(control, worker, seen);
  } catch (error) {
    Atomics.store(words, 19, 1);
    Atomics.notify(words, 48);
    throw error;
  }
}
