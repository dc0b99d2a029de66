/** `mpdnn train`: one section of a .cfg file, from images to weights, tables and pictures. */

import { Command } from 'commander';
import type { Images } from '../data/imageStream.js';
import { evaluateDeployed } from '../deploy/deployedEvaluation.js';
import { exportedLayers } from '../deploy/exportedLayers.js';
import { openTrained } from '../deploy/trainedNetwork.js';
import { DeviceLost, InputError, MissingPackage } from '../errors.js';
import type { RunFolder } from '../runs/index.js';
import { type FinishedRun, runExperiment } from '../runs/runExperiment.js';
import { openWorkbench } from '../runs/workbench.js';
import {
  type ConfigFile,
  type Experiment,
  type ResolvedLayer,
  resolveExperiment,
  trainCommandLine,
} from '../settings/index.js';
import { readConfigFile } from '../settings/readConfigFile.js';
import type { RunSummary } from '../train/summary.js';
import { INTERRUPTED } from './endingSignals.js';
import { interruptible } from './interruptible.js';
import { layerTable } from './layerTable.js';
import { addSettingOptions, autotuneOption, tuningFile } from './options.js';
import { duration, percent, progressDisplay, progressFrame } from './progress.js';
import { resolvedLayerTable } from './resolvedLayerTable.js';

export function trainCommand(): Command {
  const command = new Command('train')
    .description('train one section of a .cfg file')
    .argument('<experiment>', 'name of the section')
    .requiredOption('--cfg <file>', 'the .cfg file')
    .option('--data <spec>', 'cifar10[:DIR or archive], mnist[:DIR], images:DIR, synthetic[:N]')
    .option('--model <name>', 'resnet20 32 44 56 110, resnet18, mobilenetv2')
    .option('--width-multiplier <x>', 'factor of the channels of mobilenetv2 and resnet18')
    .option('--epochs <n>', 'epochs to train')
    .option('--batch-size <n>', 'images a step')
    .option('--seed <n>', 'fixes everything random')
    .option('--limit-train <n>', 'use only so many training images')
    .option('--limit-val <n>', 'use only so many test images')
    .option(
      '--select <images>',
      'which images choose the best parameters: test, or validation, a part of the training images',
    )
    .option('--validation-split <n>', 'how many training images that is')
    .option('--device <name>', 'auto, cpu, gpu or reference')
    .option('--threads <n>', 'threads of the CPU engine')
    .option('--matmul-precision <name>', 'of products on a GPU: auto, float16, float16x2 or float32')
    .option('--weights <file>', 'start from these parameters (.safetensors, .h5), or none')
    .option('--out <dir>', 'where run folders go')
    .option('--name <name>', "the run folder's name there instead of the section's")
    .option('--resume', 'go on with an interrupted run')
    .option('--checkpoint-minutes <n>', 'longest time without a checkpoint')
    .option('--force', 'replace an existing run folder')
    .addOption(autotuneOption())
    .option('--no-plots', 'leave the pictures out')
    .action(async (name: string, options: Record<string, string | boolean | undefined>) => {
      const { cfg, force, plots, autotune, ...overrides } = options;
      const file = readConfigFile(String(cfg));
      const experiment = resolveExperiment(file, name, overrides);
      const run = await trainExperiment(experiment, file, {
        force: force === true,
        plots: plots !== false,
        autotune: autotune !== false,
      });
      if (!run.summary) process.exitCode = INTERRUPTED;
    });
  return addSettingOptions(command);
}

interface TrainOptions {
  readonly force: boolean;
  readonly plots: boolean;
  readonly autotune: boolean;
}

async function trainExperiment(
  experiment: Experiment,
  file: ConfigFile,
  { force, plots, autotune }: TrainOptions,
): Promise<FinishedRun> {
  const { epochs } = experiment.training;
  const display = progressDisplay(progressFrame(experiment));
  const bench = openWorkbench({ tuningFile: tuningFile(autotune) });
  return interruptible(display, async (signal, onTraining) => {
    let isTraining = false;
    const begin = (): void => {
      isTraining = true;
      onTraining();
    };
    try {
      const events = {
        ...display,
        onLayers: (layers: readonly ResolvedLayer[]) => display.line(resolvedLayerTable(layers)),
      };
      let isDrawn = false;
      const onFinished = async ({ root }: RunFolder): Promise<void> => {
        isDrawn = plots && (await draw(root, display.line));
      };
      const options = { force, events, signal, onTraining: begin, onFinished };
      const run = await runExperiment(experiment, file, bench, options).catch((error) => {
        if (!(error instanceof DeviceLost) || !isTraining) throw error;
        throw new DeviceLost(`${error.message}; go on with: ${resumeCall(experiment)}`);
      });
      const { summary, folder, variables } = run;
      if (!summary) {
        display.line(`interrupted; go on with: ${resumeCall(experiment)}`);
        return run;
      }
      const lines = [
        layerTable(variables, summary.bits),
        closing(summary, epochs, isDrawn ? folder.plots : folder.root),
        await deployedLine(folder.root, (await bench.data(experiment, display.task)).test, summary),
      ];
      process.stdout.write(`${lines.filter(Boolean).join('\n')}\n`);
      return run;
    } finally {
      await bench.dispose();
    }
  });
}

/** Multiplications that the integer network may take at the end of a run: some seconds. */
const deployedMacs = 5e11;

/** The integer network's error on the test images, in words; empty where the run cannot be shipped, or where it would take long. */
async function deployedLine(root: string, test: Images, { best_epoch }: RunSummary): Promise<string> {
  const trained = await openTrained(root, best_epoch === null).catch((error: Error) => {
    if (error instanceof InputError) return null;
    throw error;
  });
  if (!trained) return '';
  const { network } = trained.lowered;
  const macs = exportedLayers(network).reduce((sum, layer) => sum + layer.macs, 0);
  if (macs * test.count > deployedMacs) return '';
  const { error } = await evaluateDeployed(network, test);
  return `in integers, as a device computes: test error ${percent(error)}`;
}

/** Draws pictures and tells whether it could; if not, a line says which package they lack. */
async function draw(root: string, line: (text: string) => void): Promise<boolean> {
  const { plotRun } = await import('../report/index.js');
  try {
    await plotRun(root);
    return true;
  } catch (error) {
    if (!(error instanceof MissingPackage)) throw error;
    line(`NOTE: no pictures: ${error.message}`);
    return false;
  }
}

function resumeCall({ name, configPath, overrides }: Experiment): string {
  return trainCommandLine(name, configPath, new Map([...overrides, ['resume', 'true']]));
}

function closing(summary: RunSummary, epochs: number, place: string): string {
  const { best_val_err, best_epoch, best_test_err, last_val_err, last_test_err, select } = summary;
  const tested = (error: number | null) =>
    select === 'validation' && error !== null ? ` (on the test images ${percent(error)})` : '';
  const best =
    best_val_err === null
      ? 'no epoch obeyed the budget'
      : `best ${select} error ${percent(best_val_err)}${tested(best_test_err)} in epoch ${best_epoch}`;
  const last = `last ${percent(last_val_err)}${tested(last_test_err)}`;
  return `${best}, ${last}; ${epochs} epochs in ${duration(summary.seconds)}, ${summary.images_per_second.toFixed(0)} img/s; see ${place}`;
}
