/** `mpdnn watch` and `train --watch`: addresses, faults in words, and a run that does not mind being watched. */

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../temporaryFolder.js';
import { listing, mpdnn, resultFiles, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();
const train = ['train', 'FLOAT', '--cfg', writeTinyConfig(folder), '--data', 'synthetic:32', '--no-plots'];

beforeAll(async () => {
  await succeeds(train, folder);
  mkdirSync(join(folder, 'empty'));
});

describe('train --watch --tensorboard', () => {
  it('prints an address of this machine, writes events, and trains to the same bytes', async () => {
    const { stderr } = await succeeds([...train, '--watch', '--tensorboard', '--name', 'WATCHED'], folder);
    expect(stderr).toMatch(/^watch it: http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{32}$/m);
    expect(resultFiles(join(folder, 'experiments/WATCHED'))).toEqual(resultFiles(join(folder, 'experiments/FLOAT')));
    const names = listing(join(folder, 'experiments/WATCHED'));
    expect(names.filter((name) => /^events\.out\.tfevents\.\d{10}\.mpdnn\.0$/.test(name))).toHaveLength(1);
    const [first] = readFileSync(join(folder, 'experiments/WATCHED/live.jsonl'), 'utf8').split('\n');
    expect(JSON.parse(first!).resume).toMatch(
      /mpdnn train FLOAT --cfg \S+ --data synthetic:32 --tensorboard true --name WATCHED --resume$/,
    );
  });
});

describe('watch', () => {
  it('prints an address, and ends by Ctrl-C', async () => {
    const ctrlC = { after: 'Ctrl-C ends it', turns: 0 };
    const { code, stdout } = await mpdnn(['watch'], folder, { ctrlC });
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{32}\n$/);
    expect(code).toBe(0);
  });

  it.each(['', 'short', 'sixteen or more; Path=/'])("refuses %j as a token of one's own", async (token) => {
    const { code, stdout, stderr } = await mpdnn(['watch'], folder, { env: { MPDNN_TOKEN: token } });
    expect(stderr).toBe(
      'mpdnn: the token (MPDNN_TOKEN): must have 16 characters or more, of letters, digits, - and _\n',
    );
    expect([code, stdout]).toEqual([2, '']);
  });

  it('writes the page of a run as one file, and nothing else', async () => {
    const run = join('experiments', 'FLOAT');
    const before = resultFiles(join(folder, run));
    expect((await succeeds(['watch', '--static', run], folder)).stdout).toBe(`${join(run, 'live.html')}\n`);
    const html = readFileSync(join(folder, run, 'live.html'), 'utf8');
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).toContain('"name":"FLOAT","state":"finished"');
    expect(html).not.toMatch(/(src|href)="(?!data:)/);
    expect(resultFiles(join(folder, run))).toEqual(before);
    expect((await succeeds(['watch', '--static', run, '--out', 'new/page.html'], folder)).stdout).toBe(
      'new/page.html\n',
    );
    expect(existsSync(join(folder, 'new/page.html'))).toBe(true);
  });

  it.each([
    [['nowhere'], 'nowhere: no such run folder'],
    [['empty'], 'empty: is no run folder, and none lies in it'],
    [['--static', 'empty'], 'empty: is no run folder (it has no config.json)'],
    [['--static'], 'watch --static: which runs? name their folders'],
    [['--static', 'experiments/FLOAT', 'empty'], 'watch --static: of several runs; name the file with --out'],
    [['--out', 'x.html'], '--out x.html: is of --static, the page in one file'],
    [['--port', '70000'], "option '--port <n>' argument '70000' is invalid. give a number from 0 to 65535"],
  ])('says what is wrong with %j', async (args, message) => {
    const { code, stderr } = await mpdnn(['watch', ...args], folder);
    expect(stderr).toContain(`mpdnn: ${message}`);
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(code).toBe(2);
    expect(existsSync(join(folder, 'empty/live.html'))).toBe(false);
  });
});
