/**
 * Compares two builds of this program: trains a few small networks with both and compares results.csv and
 * every tensor of the last parameters byte for byte. Exit code 1 where anything differs.
 *
 *   node scripts/compareBuilds.mjs OLD/dist NEW/dist                   bits, about two minutes
 *   node scripts/compareBuilds.mjs OLD/dist NEW/dist --speed           milliseconds of training steps, turn by turn
 *   node scripts/compareBuilds.mjs OLD/dist NEW/dist --speed --device gpu --workload resnet18-float --turns 9
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const fp = 'train_resnet_quant_fp.cfg';
const pow2 = 'train_resnet_quant_pow2.cfg';

/** Sections for what the published ones do not train, with settings whose defaults differ between builds. */
const ownSections = `[DEFAULT]
mean = 0.5
std = 0.5
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu
initial_learning_rate = 0.03

[GUARANTEED]
budget = guaranteed
budget_search = 0.5
target_weight_kbytes = 70.1
target_activation_kbytes = 8.1

[PER_CHANNEL]
w_per_channel = true
target_weight_kbytes = 70.1

[AVERAGES]
ema_decay = 0.9

[MOBILENETV2]
model = mobilenetv2
width_multiplier = 0.25

[RESNET18]
model = resnet18
`;

/** Section and file of a build; null for `ownSections`. */
const runs = [
  ['DEFAULT', fp],
  ['PARAMETRIC_FP_WAQ_DELTA_XMAX', fp],
  ['PARAMETRIC_POW2_WAQ_XMIN_XMAX', pow2],
  ['FP_W2A4Q_INIT', fp],
  ['POW2_W2A4Q_INIT', pow2],
  ['GUARANTEED', null],
  ['PER_CHANNEL', null],
  ['AVERAGES', null],
  ['MOBILENETV2', null],
  ['RESNET18', null],
];

// Mirroring is given, since its default for generated images depends on the build.
const data = ['--data', 'synthetic:96', '--augment-mirror', 'true', '--weights', 'none'];
const small = [...data, '--batch-size', '32', '--epochs', '2', '--device', 'cpu', '--no-plots'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    speed: { type: 'boolean' },
    device: { type: 'string', default: 'cpu' },
    workload: { type: 'string', multiple: true, default: ['resnet20-float', 'resnet20-waq'] },
    turns: { type: 'string', default: '5' },
  },
});
const builds = positionals.map((folder) => join(resolve(folder), 'cli', 'main.js'));
if (builds.length !== 2) throw new Error('give the dist folders of two builds');

const place = mkdtempSync(join(tmpdir(), 'compare-builds-'));
try {
  process.exitCode = values.speed ? compareSpeed() : compareBits();
} finally {
  rmSync(place, { recursive: true, force: true });
}

function mpdnn(build, args) {
  return execFileSync(process.execPath, [build, ...args], { cwd: place, stdio: ['ignore', 'pipe', 'pipe'] });
}

function compareBits() {
  const own = join(place, 'own.cfg');
  writeFileSync(own, ownSections);
  let differing = 0;
  for (const [name, cfg] of runs) {
    const [old, now] = builds.map((build, index) => {
      const file = cfg ? join(dirname(build), '..', '..', 'configs', cfg) : own;
      mpdnn(build, ['train', name, '--cfg', file, ...small, '--out', `build${index}`]);
      const run = join(place, `build${index}`, name);
      return {
        rows: readFileSync(join(run, 'results.csv')),
        tensors: readTensors(join(run, 'params_last.safetensors')),
      };
    });
    const names = [...new Set([...old.tensors.keys(), ...now.tensors.keys()])];
    const others = names.filter((tensor) => old.tensors.get(tensor) !== now.tensors.get(tensor));
    const faults = [
      ...(old.rows.equals(now.rows) ? [] : ['results.csv differs']),
      ...(others.length ? [`${others.length} of ${names.length} tensors differ, first ${others[0]}`] : []),
    ];
    if (faults.length) differing++;
    process.stdout.write(`${name.padEnd(32)} ${faults.join('; ') || `the same, ${names.length} tensors`}\n`);
  }
  return differing ? 1 : 0;
}

/** Type, shape and bytes of each tensor as text, by name; without metadata. */
function readTensors(path) {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, start));
  delete header.__metadata__;
  return new Map(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => [name, `${dtype} ${shape} ${bytes.toString('base64', start + from, start + to)}`],
    ),
  );
}

/** The builds take turns, so that other work on the machine affects both alike. */
function compareSpeed() {
  for (const workload of values.workload) {
    const times = [[], []];
    for (let turn = 0; turn < Number(values.turns); turn++) {
      for (const [index, build] of builds.entries()) {
        const args = ['bench', workload, '--device', values.device, '--rounds', '1', '--json'];
        const [{ imagesPerSecond, batch }] = JSON.parse(mpdnn(build, args).toString());
        times[index].push((1000 * batch) / imagesPerSecond);
      }
    }
    const [old, now] = times.map((list) => list.sort((a, b) => a - b)[list.length >> 1]);
    const ratio = (now / old).toFixed(3);
    process.stdout.write(`${workload.padEnd(24)} ${old.toFixed(2)} ms → ${now.toFixed(2)} ms, ratio ${ratio}\n`);
  }
  return 0;
}
