/** The command line on SwiftShader: a short training run and the list of devices. */

import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hasGpuFiles } from '../../src/engine/gpu/nodeGpu.js';
import { readSafetensors } from '../../src/weights/index.js';
import { writePhotographs } from '../photographs.js';
import { skipsGpu } from '../softwareGpu.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { listing, mpdnnProcess, resultFiles, succeeds } from './runMpdnn.js';

describe.skipIf(skipsGpu)('on a software adapter', () => {
  const folder = temporaryFolder();

  it('train --device gpu trains; a lost device leaves a checkpoint to go on from', { timeout: 240_000 }, async () => {
    const config = join(folder, 'short.cfg');
    writeFileSync(config, '[SHORT]\nmodel = tiny\ndata = synthetic:16\nbatch_size = 8\nepochs = 1\n');
    const run = join(folder, 'experiments', 'SHORT');
    const checkpoint = join(run, 'checkpoint.safetensors');
    const args = ['train', 'SHORT', '--cfg', 'short.cfg', '--device', 'gpu', '--no-autotune'];
    const lossOfDevice = pathToFileURL(resolve('test/cli/loseDevice.mjs')).href;
    const env = { NODE_OPTIONS: `--import=${lossOfDevice}`, LOSE_DEVICE_ONCE: checkpoint };
    const lost = await mpdnnProcess(args, folder, { env });
    expect(lost, lost.stderr).toMatchObject({ code: 1, stdout: '' });
    expect(lost.stderr.trim().split('\n').at(-1)).toMatch(
      /^mpdnn: the GPU was lost \(device was destroyed\); go on with: (node \S+|npx mpdnn) train SHORT --cfg short.cfg --device gpu --resume$/,
    );
    expect(JSON.parse(readSafetensors(checkpoint).metadata.state ?? '')).toMatchObject({ epoch: 0, batch: 0, step: 0 });

    const { stderr } = await succeeds([...args, '--resume'], folder);
    expect(stderr).toMatch(/gpu: SwiftShader/);
    expect(stderr).toMatch(/epoch 1\/1 +loss \d/);
    expect(listing(run)).toContain('params_last.safetensors');
  });

  it('train gives the same bits from streamed and from resident images', { timeout: 120_000 }, async () => {
    await writePhotographs(join(folder, 'photographs'), { train: 13, val: 5 });
    const config = join(folder, 'photographs.cfg');
    // 3 images of 9 x 9 x 3 bytes fill no whole number of words.
    const settings = 'model = tiny\ndata = images:photographs\nimage_size = 9\nbatch_size = 3\nepochs = 1\n';
    writeFileSync(config, `[STREAMED]\n${settings}stream = true\n[RESIDENT]\n${settings}`);
    const runs: ReturnType<typeof resultFiles>[] = [];
    for (const name of ['STREAMED', 'RESIDENT']) {
      await succeeds(['train', name, '--cfg', config, '--device', 'gpu', '--no-autotune', '--no-plots'], folder);
      runs.push(resultFiles(join(folder, 'experiments', name)));
    }
    // The files of parameters also tell what their images are, which differs.
    const [streamed, resident] = runs.map((each) => each.get('results.csv'));
    expect(streamed).toEqual(resident);
    const tensors = ['STREAMED', 'RESIDENT'].map(
      (name) => readSafetensors(join(folder, 'experiments', name, 'params_last.safetensors')).tensors,
    );
    expect(tensors[0]).toEqual(tensors[1]);
  });

  it.skipIf(hasGpuFiles())('devices says that auto takes the CPU', async () => {
    const { stdout } = await succeeds(['devices', '--json'], folder);
    expect(JSON.parse(stdout)).toMatchObject([
      { device: 'cpu', isAuto: true },
      { device: 'gpu', isAuto: false, description: expect.stringContaining('SwiftShader'), isUsable: true },
      { device: 'reference', isAuto: false },
    ]);
  });
});
