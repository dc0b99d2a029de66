/**
 * Counts the instructions of the exported C for one image on a Cortex-M4, emulated by qemu: fits the cost table
 * `cortex-m4` of `src/settings/costTables.ts`, or compares the count of a trained run with that table.
 *
 *     npm run build && node bench/instructions.mjs         # measures, fits and prints the table, half a minute
 *     npm run build && node bench/instructions.mjs RUN     # a run folder, its instructions and the table's
 *
 * The table is a cost for each multiply-add by its widths and one for each activation. Both follow from ResNet-20 with 8, 16
 * and 24 channels in the first group, by least squares of relative errors; then widths vary at 16 channels. Needs gcc, make,
 * qemu-system-arm, gcc-arm-none-eabi and picolibc-arm-none-eabi.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createRandom } from '../dist/data/index.js';
import { openTrained } from '../dist/deploy/trainedNetwork.js';
import { buildTrainingProgram } from '../dist/program/trainingProgram.js';
import { memorySets, networkCost, tableBits } from '../dist/quant/index.js';
import { costTables } from '../dist/settings/costTables.js';
import { experimentFromSettings } from '../dist/settings/index.js';
import { cFiles } from '../dist/ship/c/files.js';
import { lowerNetwork } from '../dist/ship/lowering.js';
import { programOptions } from '../dist/train/programOptions.js';

const folder = mkdtempSync(join(tmpdir(), 'instructions-'));
const plugin = join(folder, 'count.so');
const source = resolve(import.meta.dirname, '../test/ship/qemu/countInstructions.c');
execFileSync('gcc', ['-std=c99', '-O2', '-shared', '-fPIC', '-o', plugin, source]);
try {
  if (process.argv[2]) await compareRun(process.argv[2]);
  else fitTable();
} finally {
  rmSync(folder, { recursive: true });
}

/** Instructions of an image: the difference between two images and one, without start-up and printing. */
function instructionsOf(network) {
  const [height, width, channels] = network.layers[0].output.shape;
  const random = createRandom(1);
  const counts = [1, 2].map((count) => {
    const images = Array.from({ length: count }, () =>
      Uint8Array.from({ length: height * width * channels }, () => random.below(256)),
    );
    const own = mkdtempSync(join(folder, 'c-'));
    for (const [file, text] of cFiles(network, { name: 'net', images })) writeFileSync(join(own, file), text);
    execFileSync('make', ['-s', 'net_test.elf'], { cwd: own });
    const board = '-M mps2-an386 -display none -monitor none -serial none -semihosting-config enable=on,target=native';
    const said = execFileSync('sh', ['-c', `qemu-system-arm ${board} -plugin ${plugin} -kernel net_test.elf 2>&1`], {
      cwd: own,
    });
    return Number(/(\d+) instructions/.exec(said.toString())[1]);
  });
  return counts[1] - counts[0];
}

function measured({ classes = 10, ...settings }) {
  const fixed = { w_quantize: 'fp', a_quantize: 'fp_relu', a_stepsize: 0.25, w_bitwidth: 2, a_bitwidth: 4 };
  const experiment = experimentFromSettings('MEASURED', 'bench', { ...fixed, ...settings });
  const shape = { classes, imageShape: [32, 32, 3], trainImages: 1, evaluationImages: 1 };
  const program = buildTrainingProgram(programOptions(experiment, shape, null));
  const { products, quantizers } = program.variables;
  return {
    instructions: instructionsOf(lowerNetwork(program, [], { prove: false }).network),
    multiplyAdds: products.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0),
    activations: quantizers.reduce((sum, { role, count }) => sum + (role === 'activation' ? count : 0), 0),
  };
}

function fitTable() {
  const sizes = [8, 16, 24].map((channels) => measured({ width_multiplier: channels / 16 }));
  const [perMultiplyAdd, perActivation] = leastSquares(
    sizes.map(({ instructions, multiplyAdds, activations }) => [
      multiplyAdds / instructions,
      activations / instructions,
    ]),
  );
  console.log(`value = ${perActivation.toFixed(1)}`);
  for (const { instructions, multiplyAdds, activations } of sizes) {
    const said = perMultiplyAdd * multiplyAdds + perActivation * activations;
    console.log(`  ${instructions} instructions, ${((100 * said) / instructions - 100).toFixed(1)} % of error`);
  }
  for (const [w_bitwidth, a_bitwidth] of [2, 4, 8].flatMap((w) => [2, 4, 8].map((a) => [w, a]))) {
    const { instructions, multiplyAdds, activations } = measured({ w_bitwidth, a_bitwidth });
    const cost = (instructions - perActivation * activations) / multiplyAdds;
    console.log(`${w_bitwidth}x${a_bitwidth} = ${cost.toFixed(3)}`);
  }
  const [few, many] = [10, 100].map((classes) => measured({ classes }));
  const sums = (many.instructions - few.instructions) / (many.multiplyAdds - few.multiplyAdds);
  console.log(`8x32 = ${sums.toFixed(1)} (whole sums, in the last layer)`);
  for (const channels of [4, 10, 12, 13]) {
    const { instructions, multiplyAdds, activations } = measured({ width_multiplier: channels / 16 });
    const said = perMultiplyAdd * multiplyAdds + perActivation * activations;
    console.log(
      `${channels} channels: ${instructions} instructions, ${(instructions / said).toFixed(2)} times the table's`,
    );
  }
}

/** The solution of A·x = 1 for two unknowns. */
function leastSquares(rows) {
  const sum = (of) => rows.reduce((total, row) => total + of(row), 0);
  const [aa, ab, bb] = [sum(([a]) => a * a), sum(([a, b]) => a * b), sum(([, b]) => b * b)];
  const [a, b] = [sum(([a]) => a), sum(([, b]) => b)];
  const determinant = aa * bb - ab * ab;
  return [(bb * a - ab * b) / determinant, (aa * b - ab * a) / determinant];
}

async function compareRun(run) {
  const { lowered, program } = await openTrained(run, false);
  const { quantizers, table, unquantized, products } = program.variables;
  const sets = memorySets(quantizers, unquantized);
  const said = networkCost(costTables['cortex-m4'], products, sets, tableBits(quantizers, table));
  const instructions = instructionsOf(lowered.network);
  console.log(
    `${instructions} instructions, ${(instructions / said).toFixed(2)} times the ${said.toFixed(0)} of the table`,
  );
}
