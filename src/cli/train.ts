/** `mpdnn train`: one section of a .cfg file, from images to weights, tables and pictures. */

import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { selectEngine } from '../engine/selectEngine.js';
import {
  type ConfigFile,
  checkReplaceable,
  createRunFolder,
  type Experiment,
  type RunFolder,
  type RunSummary,
  readConfigFile,
  readResults,
  resolveExperiment,
  resolveStartingWeights,
  resumeRunFolder,
  trainCommandLine,
  writeSummary,
} from '../experiment/index.js';
import { readCheckpoint } from '../train/checkpoint.js';
import { dataShape, programOptions } from '../train/programOptions.js';
import { tensorOf } from '../train/quantizerReport.js';
import { openSession } from '../train/session.js';
import { initialState, train } from '../train/train.js';
import { buildTrainingProgram } from '../train/trainingProgram.js';
import { loadReport, readStartingWeights } from '../weights/startingWeights.js';
import { layerTable } from './layerTable.js';
import { loadTrainingData } from './loadData.js';
import { autotuneOption, tuningFile } from './options.js';
import { duration, type ProgressDisplay, percent, progressDisplay } from './progress.js';
import { packageVersion } from './version.js';

export function trainCommand(): Command {
  return new Command('train')
    .description('train one section of a .cfg file')
    .argument('<experiment>', 'name of the section')
    .requiredOption('--cfg <file>', 'the .cfg file')
    .option('--data <spec>', 'cifar10[:DIR or archive], mnist[:DIR], images:DIR, synthetic[:N]')
    .option('--model <name>', 'resnet20 32 44 56 110, resnet18')
    .option('--epochs <n>', 'epochs to train')
    .option('--batch-size <n>', 'images a step')
    .option('--seed <n>', 'fixes everything random')
    .option('--limit-train <n>', 'use only so many training images')
    .option('--limit-val <n>', 'use only so many test images')
    .option('--image-size <n>', 'side to which images of folders are scaled')
    .option('--device <name>', 'auto, cpu, gpu or reference')
    .option('--threads <n>', 'threads of the CPU engine')
    .option('--decode-threads <n>', 'images decoded at a time where they are streamed')
    .option('--weights <file>', 'start from these parameters (.safetensors, .h5), or none')
    .option('--out <dir>', 'where run folders go')
    .option('--resume', 'go on with an interrupted run')
    .option('--force', 'replace an existing run folder')
    .addOption(autotuneOption())
    .option('--no-plots', 'leave the pictures out')
    .action(async (name: string, options: Record<string, string | boolean | undefined>) => {
      const { cfg, force, plots, weights, autotune, ...overrides } = options;
      const file = readConfigFile(String(cfg));
      const experiment = resolveExperiment(file, name, { ...overrides, weightfile: weights });
      const summary = await trainExperiment(experiment, file, {
        force: force === true,
        plots: plots !== false,
        autotune: autotune !== false,
      });
      if (!summary) process.exitCode = 130;
    });
}

interface TrainOptions {
  readonly force: boolean;
  readonly plots: boolean;
  readonly autotune: boolean;
}

/** Null if the run was interrupted; it can be resumed. */
async function trainExperiment(
  experiment: Experiment,
  file: ConfigFile,
  options: TrainOptions,
): Promise<RunSummary | null> {
  const display = progressDisplay(experiment.training.epochs, {
    weightKbytes: experiment.budget.targetWeightKbytes,
    activationKbytes: experiment.budget.targetActivationKbytes,
    activationType: experiment.budget.targetActivationType,
  });
  const interrupt = new AbortController();
  let isTraining = false;
  const onSignal = (): void => {
    interrupt.abort();
    if (isTraining) return;
    // Nothing is begun that a checkpoint could keep, and a download may take long.
    display.stop();
    process.exit(130);
  };
  const beginTraining = (): AbortSignal => {
    isTraining = true;
    return interrupt.signal;
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  try {
    return await run(experiment, file, options, display, beginTraining);
  } finally {
    display.stop();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
}

async function run(
  given: Experiment,
  file: ConfigFile,
  options: TrainOptions,
  display: ProgressDisplay,
  beginTraining: () => AbortSignal,
): Promise<RunSummary | null> {
  if (!given.resume) checkReplaceable(given, options.force);
  const { experiment, data } = await loadTrainingData(given, file, display);
  const { training } = experiment;
  const folderToResume = experiment.resume ? resumeRunFolder(experiment) : null;
  const checkpointFile = folderToResume && hasCheckpoint(folderToResume) ? folderToResume.checkpoint : null;
  const startFile = checkpointFile ? null : resolveStartingWeights(experiment, file);
  const starting = startFile ? await readStartingWeights(startFile) : null;
  const shape = dataShape({ classes: data.classes, train: data.train }, data.evaluation.count);
  const program = buildTrainingProgram(programOptions(experiment, shape, starting));
  if (starting) display.line(startLine(program.variables, starting));
  const checkpoint = checkpointFile ? await readCheckpoint(checkpointFile, program) : null;
  const engine = await selectEngine(experiment.device, {
    threads: experiment.threads ?? undefined,
    tuningFile: tuningFile(options.autotune),
  });
  try {
    const session = await openSession(engine, program, (done, total) => display.task('compiling', done, total));
    session.setTrainingImages(data.train);
    session.setEvaluationImages(data.evaluation);
    checkpoint?.restore(session.program);
    const device = `${engine.name}: ${engine.description}`;
    const versions = { 'mixed-precision-dnns': packageVersion(), node: process.version };
    const folder = folderToResume ?? createRunFolder(experiment, { device, versions, force: options.force });
    display.line(`${experiment.name}  ${experiment.network.model}  ${data.train.count} images  ${device}`);
    const state = checkpoint?.state ?? initialState(experiment);
    const summary = await train({
      experiment,
      session,
      trainImages: data.train,
      folder,
      device,
      state,
      signal: beginTraining(),
      events: display,
    });
    if (!summary) {
      // The data too where they were generated for want of others: they are an override by now.
      const call = trainCommandLine(experiment.name, file.path, new Map([...experiment.overrides, ['resume', 'true']]));
      display.line(`interrupted; go on with: ${call}`);
      return null;
    }
    writeSummary(folder, summary);
    if (options.plots) {
      const { plotRun } = await import('../report/index.js');
      await plotRun(folder.root);
    }
    const table = layerTable(
      program.variables,
      program.variables.quantizers.map(({ name }) => summary.bits[tensorOf(name)] ?? 0),
    );
    const lines = [table, closing(summary, training.epochs, options.plots ? folder.plots : folder.root)];
    process.stdout.write(`${lines.filter(Boolean).join('\n')}\n`);
    return summary;
  } finally {
    await data.close();
    await engine.dispose();
  }
}

/**
 * False for a run that was interrupted before its first checkpoint, which begins anew: that epoch's row may be there
 * already, but no other.
 */
function hasCheckpoint(folder: RunFolder): boolean {
  return existsSync(folder.checkpoint) || readResults(folder).length > 1;
}

function startLine(variables: Parameters<typeof loadReport>[0], starting: Parameters<typeof loadReport>[1]): string {
  const { matched, missing, unused } = loadReport(variables, starting);
  return `starts from ${starting.source}: ${matched.length} tensors taken, ${missing.length} fresh, ${unused.length} unused`;
}

function closing(summary: RunSummary, epochs: number, place: string): string {
  const best =
    summary.best_val_err === null
      ? 'no epoch obeyed the budget'
      : `best error ${percent(summary.best_val_err)} in epoch ${summary.best_epoch}`;
  return `${best}, last ${percent(summary.last_val_err)}; ${epochs} epochs in ${duration(summary.seconds)}, ${summary.images_per_second.toFixed(0)} img/s; see ${place}`;
}
