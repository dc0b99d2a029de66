/**
 * Runs `mpdnn`. Nearly always in this process, from the sources; as a process of its own, compiled from the sources as
 * they are now, where the process itself is what is tested: signals, kills, pipes, terminals.
 *
 * Either way it finds no network, and a cache and a home of the test's own, so that no test downloads anything.
 */

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, vi } from 'vitest';
import { mpdnn as runCommandLine } from '../../src/cli/mpdnn.js';
import { compiledPackage } from '../compiledSources.js';

export interface Outcome {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Ctrl-C in this process. */
export interface CtrlC {
  /** It comes once this stands in stderr or, looked at in every turn of the event loop, is true, … */
  readonly after: string | (() => boolean);
  /** … and the event loop has gone round so often: while training, that is so many steps later. */
  readonly turns: number;
}

/** Runs a call in this process, with `cwd` as its working folder. A file's tests take turns: they share one process. */
export async function mpdnn(
  args: readonly string[],
  cwd: string,
  { env = {}, ctrlC }: { readonly env?: Readonly<Record<string, string>>; readonly ctrlC?: CtrlC } = {},
): Promise<Outcome> {
  const place = process.cwd();
  const exitCode = process.exitCode;
  const listeners = new Set(process.listeners('SIGINT'));
  const written = { stdout: '', stderr: '' };
  const interrupt = (): void => {
    for (const listen of process.listeners('SIGINT')) if (!listeners.has(listen)) listen('SIGINT');
  };
  let isOver = false;
  const wait = (until: () => boolean, turns: number): void => {
    if (isOver) return;
    const left = until() ? turns - 1 : turns;
    if (left < 0) interrupt();
    else setImmediate(wait, left < turns ? () => true : until, left);
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((chunk: string | Uint8Array) => {
      written[stream] += Buffer.from(chunk).toString();
      return true;
    });
  }
  for (const [name, value] of Object.entries({ ...placesIn(cwd), ...env })) vi.stubEnv(name, value);
  vi.stubGlobal('fetch', async () => {
    throw new Error('offline');
  });
  process.exitCode = undefined;
  process.chdir(cwd);
  if (ctrlC) {
    const { after, turns } = ctrlC;
    wait(typeof after === 'string' ? () => written.stderr.includes(after) : after, turns);
  }
  try {
    return { code: await runCommandLine(args), ...written };
  } finally {
    isOver = true;
    process.chdir(place);
    process.exitCode = exitCode;
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    vi.unstubAllGlobals();
  }
}

/** Runs a call in this process and expects success. */
export async function succeeds(args: readonly string[], cwd: string): Promise<Outcome> {
  const outcome = await mpdnn(args, cwd);
  expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
  return outcome;
}

export interface Interruption {
  /** Sent once this stands in stderr or, looked at every few milliseconds, is true. */
  readonly after: string | (() => boolean);
  readonly signal: NodeJS.Signals;
}

/** Runs a call as a process of its own, as users do. */
export async function mpdnnProcess(
  args: readonly string[],
  cwd: string,
  options: {
    readonly interruption?: Interruption;
    readonly closeStdout?: boolean;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Outcome> {
  const { interruption, closeStdout = false } = options;
  const { NODE_OPTIONS = '', ...own } = options.env ?? {};
  const env = { ...process.env, ...placesIn(cwd), ...own, NODE_OPTIONS: `${offline} ${NODE_OPTIONS}` };
  const child = spawn(process.execPath, [compiledProgram(), ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let isSent = false;
  const interrupt = ({ signal }: Interruption): void => {
    isSent = true;
    child.kill(signal);
  };
  const after = interruption?.after;
  const watch = setInterval(() => {
    if (typeof after === 'function' && !isSent && after()) interrupt(interruption!);
  }, 5);
  if (closeStdout) child.stdout.destroy();
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
    if (typeof after === 'string' && !isSent && stderr.includes(after)) interrupt(interruption!);
  });
  const code = await new Promise<number | null>((done, failed) => {
    child.on('error', failed);
    child.on('close', done);
  }).finally(() => clearInterval(watch));
  return { code, stdout, stderr };
}

/**
 * The environment in which a process dies by SIGKILL in the middle of a durable write. `write` is `NAME COUNT`: the
 * COUNT-th file whose path contains NAME is written aside, but not yet renamed.
 */
export function killedAtWrite(write: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import=${pathToFileURL(resolve('test/cli/killAtWrite.mjs')).href}`, KILL_AT_WRITE: write };
}

const offline = `--import=data:text/javascript,${encodeURIComponent("globalThis.fetch=async()=>{throw new Error('offline')}")}`;

function placesIn(cwd: string): Readonly<Record<string, string>> {
  return { XDG_CACHE_HOME: join(cwd, '.cache'), HOME: cwd };
}

/** The path of the program, compiled. */
export function compiledProgram(): string {
  return join(compiledPackage(), 'dist/cli/main.js');
}

/** Writes a .cfg file with a section a network, small enough for a test; returns its path. */
export function writeTinyConfig(folder: string): string {
  const path = join(folder, 'tiny.cfg');
  writeFileSync(path, tinyConfig);
  return path;
}

const tinyConfig = `[DEFAULT]
model = tiny
data = synthetic:96
batch_size = 16
epochs = 3
device = cpu
threads = 1
initial_learning_rate = 0.02

[FLOAT]
epochs = 1

[BUDGET]
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu
target_weight_kbytes = 0.8
target_activation_kbytes = 1.2

[GUARANTEED]
budget = guaranteed
budget_search = 0.4
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu
target_weight_kbytes = 0.45
target_activation_kbytes = 4
target_activation_type = peak

[EXTENDED]
schedule = cosine
warmup_epochs = 1.5
nesterov = true
decay_exclude = bn bias
label_smoothing = 0.1
ema_decay = 0.9
bn_reestimate = 2
quantizer_learning_rate_factor = 0.5
layers =
  conv1*: w_bitwidth = 8, a_quantize = none
  fc/*: w_quantize = none
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu
target_weight_kbytes = 2

[PER_CHANNEL]
budget = guaranteed
budget_search = 0.4
w_quantize = parametric_fp_d_xmax
w_per_channel = true
a_quantize = parametric_fp_d_xmax_relu
target_weight_kbytes = 0.45
ema_decay = 0.9
quantizer_learning_rate_factor = 0.5

[ADAM]
optimizer = adam
initial_learning_rate = 0.001
w_quantize = parametric_pow2_xmin_xmax
a_quantize = parametric_pow2_xmin_xmax_relu

[FP]
epochs = 2
w_quantize = fp
a_quantize = fp_relu

[POW2]
epochs = 2
w_quantize = pow2
a_quantize = pow2_relu

# Decay times rate is 10: every step multiplies the weights by -9, which float32 holds for some forty steps.
[DIVERGES]
data = synthetic:64
batch_size = 8
initial_learning_rate = 10
weight_decay = 1
`;

/** All files and folders below `folder`, sorted; empty if it does not exist. */
export function listing(folder: string): string[] {
  return existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]).sort() : [];
}

/** The files of a run that depend on the experiment alone, by name. */
export function resultFiles(run: string): Map<string, string> {
  const names = readdirSync(run).filter((name) => name.endsWith('.csv') || name.startsWith('params_'));
  return new Map(names.sort().map((name) => [name, readFileSync(join(run, name)).toString('base64')]));
}
