/**
 * Times training steps of ResNet-20 with fewer channels, as they are and filled up to multiples, and compares the losses
 * of the first steps. Rounds take turns; medians of the rounds. On a GPU several networks may compute together.
 *
 * Run after `npm run build`, for example
 *   node bench/filledChannels.mjs --device gpu --widths 42,30 --multiples 1,8 --networks 4
 *   node bench/filledChannels.mjs --device cpu --threads 2 --multiples 1,8 --steps 3
 * A width is in 64ths of the channels.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom, generateSynthetic, trainingEpoch } from '../dist/data/index.js';
import { createCpuEngine } from '../dist/engine/cpu/index.js';
import { fillingEngine } from '../dist/engine/fillingEngine.js';
import { createGpuEngine } from '../dist/engine/gpu/index.js';
import { sharedEngine } from '../dist/engine/sharedEngine.js';
import { median } from '../dist/median.js';
import { STORAGE } from '../dist/nn/index.js';
import { openSession } from '../dist/program/session.js';
import { buildTrainingProgram } from '../dist/program/trainingProgram.js';
import { experimentFromSettings } from '../dist/settings/index.js';
import { dataShape, programOptions } from '../dist/train/programOptions.js';

const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'gpu' },
    threads: { type: 'string', default: '2' },
    widths: { type: 'string', default: '42,30' },
    multiples: { type: 'string', default: '1,8' },
    networks: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '60' },
    batch: { type: 'string', default: '128' },
    software: { type: 'boolean', default: false },
  },
});
const [networks, rounds, steps, batch] = ['networks', 'rounds', 'steps', 'batch'].map((key) => Number(options[key]));
const kinds = {
  float: {},
  'W and A learned': { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' },
};
const images = generateSynthetic(1, 2 * batch);
const shape = dataShape(images, undefined, images.test.count);

/** Sessions of networks that compute together, and the losses of their first steps. */
async function opened(width, settings, channelMultiple) {
  const own = { ...settings, model: 'resnet20', width_multiplier: width / 64, batch_size: batch };
  const training = buildTrainingProgram(programOptions(experimentFromSettings('bench', 'bench', own), shape, null));
  const tuningFile = join(tmpdir(), `filled-${width}-${channelMultiple}.json`);
  const bare =
    options.device === 'gpu'
      ? await createGpuEngine({ tuningFile, allowSoftware: options.software })
      : await createCpuEngine({ threads: Number(options.threads) });
  const engine = fillingEngine({ ...bare, channelMultiple });
  const shares = sharedEngine(engine, networks, { onFewer: (atOnce) => console.log(`only ${atOnce} at once`) });
  const sessions = await Promise.all(shares.map((share) => openSession(share.engine, training)));
  for (const session of sessions) {
    session.program.write(STORAGE.control, [0.01, 0.1, 0.1, 0]);
    session.setTrainingImages(images.train);
    session.setBatches(trainingEpoch(2 * batch, batch, createRandom(2), { shift: 4, mirror: true }));
  }
  const losses = [];
  for (const step of [0, 1, 0]) {
    await Promise.all(sessions.map((session) => session.step(step)));
    losses.push((await sessions[0].program.read(STORAGE.loss))[0]);
  }
  return { engine, sessions, losses, times: [] };
}

/** Milliseconds a step of all networks. */
async function timed({ sessions }) {
  const begin = performance.now();
  await Promise.all(
    sessions.map(async ({ program }) => {
      for (let step = 0; step < steps; step++) {
        program.write(STORAGE.position, [step % 2]);
        await program.run('train');
      }
      await program.read(STORAGE.loss);
    }),
  );
  return (performance.now() - begin) / steps;
}

for (const width of options.widths.split(',').map(Number)) {
  for (const [kind, settings] of Object.entries(kinds)) {
    const all = new Map();
    for (const multiple of options.multiples.split(',').map(Number)) {
      all.set(multiple, await opened(width, settings, multiple));
    }
    for (let round = -1; round < rounds; round++) {
      for (const each of all.values()) {
        const ms = await timed(each);
        if (round >= 0) each.times.push(ms);
      }
    }
    for (const [multiple, { times, losses, engine }] of all) {
      const ms = median(times);
      const speed = `${ms.toFixed(2)} ms (${times.map((each) => each.toFixed(2)).join(', ')})`;
      const perSecond = `${((1000 * networks * batch) / ms).toFixed(0)} img/s`;
      console.log(`${width}/64, ${kind}, multiples of ${multiple}: ${speed}, ${perSecond}, losses ${losses.join(' ')}`);
      await engine.dispose();
    }
  }
}
