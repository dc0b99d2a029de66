/**
 * Runs the built program, `dist/cli/main.js`, as its users do: a process of its own. Tests with it need
 * `npm run build` before them, which the README and the continuous integration do.
 *
 * The program finds no network, and a cache and a home of the test's own, so that no test downloads anything.
 */

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';

export const main = resolve('dist/cli/main.js');
if (!existsSync(main)) throw new Error(`${main} is not there: run npm run build before these tests`);
const offline = `--import=data:text/javascript,${encodeURIComponent("globalThis.fetch=async()=>{throw new Error('offline')}")}`;

export interface Outcome {
  /** Null if a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Interruption {
  /** Sent once this stands in stderr (empty: from the start on) or, looked at every few milliseconds, is true, … */
  readonly after: string | (() => boolean);
  /** … so much later. */
  readonly delayMs?: number;
  readonly signal: 'SIGINT' | 'SIGKILL';
}

/** Writes a .cfg file with a section a network, small enough for a test; returns its path. */
export function writeTinyConfig(folder: string): string {
  const path = join(folder, 'tiny.cfg');
  writeFileSync(path, tinyConfig);
  return path;
}

const tinyConfig = `[DEFAULT]
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
target_weight_kbytes = 120
target_activation_kbytes = 12

[GUARANTEED]
budget = guaranteed
budget_search = 0.4
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu
target_weight_kbytes = 70.1
target_activation_kbytes = 20
target_activation_type = peak

[EXTENDED]
schedule = cosine
warmup_epochs = 1.5
nesterov = true
decay_exclude = bn bias
label_smoothing = 0.1
ema_decay = 0.9
quantizer_learning_rate_factor = 0.5
layers =
  conv1*: w_bitwidth = 8, a_quantize = none
  fc/*: w_quantize = none
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu
target_weight_kbytes = 120

[PER_CHANNEL]
budget = guaranteed
budget_search = 0.4
w_quantize = parametric_fp_d_xmax
w_per_channel = true
a_quantize = parametric_fp_d_xmax_relu
target_weight_kbytes = 70.1
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

export async function mpdnn(
  args: readonly string[],
  cwd: string,
  options: {
    readonly interruption?: Interruption;
    readonly closeStdout?: boolean;
    readonly env?: NodeJS.ProcessEnv;
  } = {},
): Promise<Outcome> {
  const { interruption, closeStdout = false } = options;
  const { NODE_OPTIONS = '', ...own } = options.env ?? {};
  const home = { XDG_CACHE_HOME: join(cwd, '.cache'), HOME: cwd };
  const env = { ...process.env, ...home, ...own, NODE_OPTIONS: `${offline} ${NODE_OPTIONS}` };
  const child = spawn(process.execPath, [main, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  let isSent = false;
  const interrupt = ({ delayMs = 0, signal }: Interruption): void => {
    isSent = true;
    setTimeout(() => child.kill(signal), delayMs);
  };
  const after = interruption?.after;
  if (after === '') interrupt(interruption!);
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

/** Runs and expects success. */
export async function succeeds(args: readonly string[], cwd: string): Promise<Outcome> {
  const outcome = await mpdnn(args, cwd);
  expect(outcome, outcome.stderr).toMatchObject({ code: 0 });
  return outcome;
}

/** All files and folders below `folder`, sorted; empty if it does not exist. */
export function listing(folder: string): string[] {
  return existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]).sort() : [];
}

/** The files of a run that depend on the experiment alone, by name. */
export function resultFiles(run: string): Map<string, string> {
  const names = readdirSync(run).filter((name) => name.endsWith('.csv') || name.startsWith('params_'));
  return new Map(names.sort().map((name) => [name, readFileSync(join(run, name)).toString('base64')]));
}
