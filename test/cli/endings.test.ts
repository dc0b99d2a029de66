/** The end of the program: exit codes, signals that leave a checkpoint, and always a message. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endingSignals, INTERRUPTED } from '../../src/cli/endingSignals.js';
import { readSafetensors } from '../../src/weights/index.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { tierOf } from '../tier.js';
import { compiledProgram, mpdnn, mpdnnProcess, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();
const cfg = writeTinyConfig(folder);
const call = (out: string, ...more: string[]) => {
  // Enough epochs that the signal comes before the last one, however late it is.
  const size = ['--data', 'synthetic:32', '--epochs', '100000', '--threads', '1', '--no-plots'];
  return ['train', 'FLOAT', '--cfg', cfg, ...size, '--out', out, ...more];
};

it('every exit code and signal stands in the documentation', () => {
  const page = readFileSync('docs/troubleshooting.md', 'utf8');
  expect([...page.matchAll(/^\| (\d+) \| /gm)].map(([, code]) => Number(code))).toEqual([0, 1, 2, INTERRUPTED]);
  for (const signal of endingSignals) expect(page).toContain(`\`${signal}\``);
});

describe('the exit code', () => {
  it('is 0 where all is done', async () => {
    await succeeds(['experiments', '--cfg', cfg], folder);
    await succeeds(['train', '--help'], folder);
    await succeeds(['--version'], folder);
  });

  it('is 1 where a run fails', async () => {
    const outcome = await mpdnn(['train', 'DIVERGES', '--cfg', cfg, '--no-plots', '--out', 'diverges'], folder);
    expect(outcome.code).toBe(1);
  });

  it.each([
    [['train', 'NOWHERE', '--cfg', cfg]],
    [['train', 'FLOAT', '--cfg', cfg, '--epoch', '3']],
    [['frobnicate']],
    [[]],
  ])('is 2 where the call is wrong: %j', async (args) => {
    expect(await mpdnn(args, folder)).toMatchObject({ code: 2, stdout: '' });
  });

  it.each(tierOf(endingSignals, (signal) => ['SIGINT', 'SIGTERM'].includes(signal)))(
    'is 130 after %s, with a checkpoint to go on from',
    async (signal) => {
      const { code, stderr } = await mpdnnProcess(call(signal), folder, {
        interruption: { after: 'epoch      1/100000', signal },
      });
      expect(code, stderr).toBe(130);
      expect(stderr).toMatch(/\ninterrupted; go on with: .* --resume\n$/);
      expect(stderr).not.toContain('Debugger');
      const { metadata } = readSafetensors(join(folder, signal, 'FLOAT', 'checkpoint.safetensors'));
      expect(JSON.parse(metadata.state ?? '').epoch).toBeGreaterThan(0);
    },
  );

  it('is 130 where nothing is trained yet, or ever', async () => {
    const interruption = { after: 'asks', signal: 'SIGUSR1' } as const;
    const asksForEver = "() => { process.stderr.write('asks'); return new Promise(() => {}); }";
    const never = { NODE_OPTIONS: script(`setInterval(() => {}, 1e6); globalThis.fetch = ${asksForEver}`) };
    const args = ['train', 'FLOAT', '--cfg', cfg, '--data', 'cifar10', '--out', 'never'];
    const { code, stderr } = await mpdnnProcess(args, folder, { interruption, env: never });
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'asks' });
  });

  it('is 130 where the terminal is gone, too, with a checkpoint', async () => {
    const child = spawn(process.execPath, [compiledProgram(), ...call('gone')], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stderr.once('data', () => {
      child.stdout.destroy();
      child.stderr.destroy();
      child.kill('SIGHUP');
    });
    expect(await new Promise((done) => child.once('exit', done))).toBe(130);
    expect(existsSync(join(folder, 'gone', 'FLOAT', 'checkpoint.safetensors'))).toBe(true);
  });
});

it('a wait for what never comes ends in one line', async () => {
  const env = { NODE_OPTIONS: script('globalThis.fetch = () => new Promise(() => {})') };
  const args = ['train', 'FLOAT', '--cfg', cfg, '--data', 'cifar10', '--out', 'never'];
  const outcome = await mpdnnProcess(args, folder, { env });
  expect(outcome).toMatchObject({ code: 1, stdout: '' });
  expect(outcome.stderr).toMatch(/^mpdnn: nothing is left to wait for [^\n]*\n$/);
});

/** A Node option that runs a script before the program. */
function script(text: string): string {
  return `--import=data:text/javascript,${encodeURIComponent(text)}`;
}
