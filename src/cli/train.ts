/** `mpdnn train`: trains a section of a .cfg file, or with recommended settings for the user's own pictures. */

import { existsSync } from 'node:fs';
import { Command, Option } from 'commander';
import { dataForms } from '../data/dataSpec.js';
import { usableCores } from '../engine/cpu/nodePlatform.js';
import { DeviceLost, InputError } from '../errors.js';
import type { Ranks } from '../program/ranks.js';
import { askedFor, recommend } from '../recipe/index.js';
import { checkReplaceable, resumeRunFolder, runRoot, withNetworkOfFile } from '../runs/index.js';
import { checkRanks, runExperiment } from '../runs/runExperiment.js';
import { openWorkbench, type Workbench } from '../runs/workbench.js';
import {
  type ConfigFile,
  commandWords,
  type Experiment,
  modelNames,
  type Overrides,
  optionWords,
  programName,
  type ResolvedLayer,
  resolveExperiment,
  trainCommandLine,
  whereSet,
} from '../settings/index.js';
import { readConfigFile } from '../settings/readConfigFile.js';
import { channelsLine, deployment, outlook, resultLine, startNote } from './closing.js';
import { INTERRUPTED } from './endingSignals.js';
import { gpusOption, joinOnCards, onCards, runOnCards, startsRanks, withCards } from './gpus.js';
import { interruptible } from './interruptible.js';
import { layerTable } from './layerTable.js';
import {
  addSettingOptions,
  autotuneOption,
  deviceWords,
  matmulPrecisionWords,
  selectWords,
  tuningFile,
} from './options.js';
import { ifDrawable } from './pictures.js';
import { type ProgressDisplay, type ProgressFrame, progressDisplay, progressFrame } from './progress.js';
import { resolvedLayerTable } from './resolvedLayerTable.js';
import { type Watching, watching } from './watching.js';

export function trainCommand(): Command {
  const command = new Command('train')
    .description('train a section of a .cfg file, or without one with the settings recommended for your own data')
    .argument('[experiment]', 'name of the section')
    .option('--cfg <file>', 'the .cfg file')
    .option('--data <spec>', dataForms)
    .option('--model <name>', `${modelNames.join(', ')}, or a file: ./net.mjs, net.onnx`)
    .option('--width-multiplier <x>', 'factor of the channels of mobilenetv1, mobilenetv2 and the ResNets but resnet8')
    .option('--target-weight-kbytes <n>', 'budget of all weights together')
    .option('--target-activation-kbytes <n>', 'budget of the activations')
    .option('--epochs <n>', 'epochs to train')
    .option('--batch-size <n>', 'images per step')
    .option('--seed <n>', 'seed of all random numbers')
    .option('--limit-train <n>', 'number of training images to use')
    .option('--limit-val <n>', 'number of test images to use')
    .option('--select <how>', selectWords)
    .option('--validation-split <n>', 'number of training images held out for validation')
    .option('--device <name>', deviceWords)
    .addOption(gpusOption())
    .option('--threads <n>', 'threads of the CPU engine')
    .option('--matmul-precision <name>', matmulPrecisionWords)
    .option('--weights <file>', 'file of parameters to start from (.safetensors, .h5, .pt), or none')
    .option('--out <dir>', 'folder of the run folders')
    .option('--name <name>', 'name of the run folder, by default that of the section')
    .addOption(new Option('--resume', 'continue an interrupted run').conflicts('force'))
    .option('--checkpoint-minutes <n>', 'longest time between checkpoints')
    .option('--force', 'replace an existing run folder')
    .addOption(autotuneOption())
    .option('--tensorboard [flag]', 'write event files for TensorBoard into the run folder, too')
    .option('--watch', 'serve a page that shows the run, and print its address')
    .option('--no-plots', 'draw no plots')
    .action(async (name: string | undefined, { gpus, ...options }: CallOptions) => {
      const { cfg, force, plots, autotune, watch, ...given } = options;
      const overrides = withCards(given, gpus);
      if (startsRanks(gpus)) {
        const asked = isSection(name, cfg)
          ? sectionOf(name, cfg, overrides, force === true).experiment
          : askedFor(overrides);
        checkRanks(asked, gpus, '--gpus');
        process.exitCode = await runOnCards(gpus);
        return;
      }
      const ranks = await joinOnCards(gpus);
      const bench = openWorkbench({ tuningFile: tuningFile(autotune !== false) });
      const watched = watch === true && ranks.rank === 0 ? watching() : null;
      const how = { bench, ranks, gpus, force: force === true, plots: plots !== false, watched };
      try {
        const isComplete = isSection(name, cfg)
          ? await trainSection(name, cfg, overrides, how)
          : await trainRecommended(overrides, how);
        if (!isComplete) process.exitCode = INTERRUPTED;
      } finally {
        await watched?.close();
        await bench.dispose();
      }
      // The first rank comes later than the others, which hold no GPU while they wait for it.
      ranks.leave();
    });
  return addSettingOptions(command);
}

/** Options of the call; `gpus` is no setting, since the network is the same on any number of cards. */
type CallOptions = { readonly gpus?: number } & Readonly<Record<string, string | boolean | undefined>>;

interface TrainOptions {
  readonly bench: Workbench;
  /** The processes that train together. */
  readonly ranks: Ranks;
  /** Number of cards of this machine, if the call gives one. */
  readonly gpus: number | undefined;
  readonly force: boolean;
  readonly plots: boolean;
  /** The page that shows runs while they train; null for none. */
  readonly watched: Watching | null;
}

type SectionWord = string | boolean | undefined;

function isSection(name: string | undefined, cfg: SectionWord): boolean {
  return name !== undefined || cfg !== undefined;
}

function sectionOf(name: string | undefined, cfg: SectionWord, overrides: Overrides, force: boolean) {
  if (name === undefined) {
    throw new InputError(`train --cfg ${cfg}: which section? ${programName()} experiments --cfg ${cfg} lists them`);
  }
  if (cfg === undefined) throw new InputError(`train ${name}: which file is it in? name it: --cfg FILE`);
  const file = readConfigFile(String(cfg));
  const experiment = resolveExperiment(file, name, overrides);
  if (experiment.resume && force) {
    throw new InputError(
      `${whereSet(experiment, 'resume')} = true: cannot be used with --force; leave out one of them`,
    );
  }
  return { name, file, experiment };
}

/** Trains a section. Resolves to false if it was interrupted. */
async function trainSection(
  section: string | undefined,
  cfg: SectionWord,
  overrides: Overrides,
  how: TrainOptions,
): Promise<boolean> {
  const { name, file, experiment: asked } = sectionOf(section, cfg, overrides, how.force);
  const experiment = await withNetworkOfFile(asked);
  const call = trainCommandLine(name, file.path, new Map([...experiment.overrides, ['resume', 'true']]));
  return trainExperiment(experiment, file, { ...how, resumeCall: onCards(call, how.gpus), isLast: true });
}

/** Trains a float network, then one with learned bits, with recommended settings. Resolves to false if interrupted. */
async function trainRecommended(overrides: Overrides, how: TrainOptions): Promise<boolean> {
  if (overrides.data === undefined) {
    throw new InputError(
      'train: which data? name them, such as --data images:DIR or csv:FILE, or an EXPERIMENT and its --cfg FILE',
    );
  }
  const asked = await withNetworkOfFile(askedFor(overrides));
  const display = displayOf(how.ranks, progressFrame(asked));
  const { experiments, file, notes } = await recommend(asked, display).finally(display.stop);
  for (const note of notes) display.line(note);
  const folders = experiments.map(runRoot);
  if (asked.resume && !folders.some(existsSync)) {
    throw new InputError(`${folders[0]}: nothing to resume; leave out --resume to start`);
  }
  if (!asked.resume) for (const experiment of experiments) checkReplaceable(experiment, how.force);
  const options = optionWords(new Map([...asked.overrides, ['resume', 'true']]));
  const resumeCall = onCards(`${programName()} ${commandWords(['train', ...options])}`, how.gpus);
  for (const experiment of experiments) {
    const root = runRoot(experiment);
    const isBegun = asked.resume && existsSync(root);
    if (isBegun && existsSync(resumeRunFolder(experiment).folder.summary)) {
      display.line(`${root}: has finished before`);
      continue;
    }
    const isLast = experiment === experiments.at(-1);
    const own = { ...how, resumeCall, isLast };
    if (!(await trainExperiment({ ...experiment, resume: isBegun }, file, own))) return false;
  }
  return true;
}

interface RunOptions extends TrainOptions {
  /** The call that resumes the run. */
  readonly resumeCall: string;
  /** True for the last run of the call. */
  readonly isLast: boolean;
}

async function trainExperiment(
  experiment: Experiment,
  file: ConfigFile,
  { bench, ranks, force, plots, watched, resumeCall, isLast }: RunOptions,
): Promise<boolean> {
  const display = displayOf(ranks, progressFrame(experiment));
  const root = runRoot(experiment);
  await watched?.add(root, display.line);
  return interruptible(display, async (signal, onTraining) => {
    let isTraining = false;
    const begin = (): void => {
      isTraining = true;
      onTraining();
      const note = isLast && ranks.rank === 0 ? startNote(root) : '';
      if (note) display.line(note);
    };
    const events = {
      ...display,
      onLayers: (layers: readonly ResolvedLayer[]) => display.line(resolvedLayerTable(layers)),
    };
    let isDrawn = false;
    const onFinished = async (): Promise<void> => {
      // The rest needs no engine, so its GPU is freed for others.
      if (isLast) await bench.disposeEngine();
      isDrawn = plots && (await draw(root, display.line));
    };
    const options = { force, events, signal, resumeCall, onTraining: begin, onFinished, ranks };
    const run = await runExperiment(experiment, file, bench, options).catch((error) => {
      if (!(error instanceof DeviceLost) || !isTraining) throw error;
      throw new DeviceLost(`${error.message}; go on with: ${resumeCall}`);
    });
    const { summary, folder, variables } = run;
    if (!summary) {
      display.line(`interrupted; go on with: ${resumeCall}`);
      return false;
    }
    if (!folder) return true;
    display.stop();
    print(
      layerTable(variables, summary.bits),
      channelsLine(variables),
      resultLine(summary, isDrawn ? folder.plots : root, folder.task),
    );
    const { test } = await bench.data(experiment, display);
    const how = { threads: experiment.threads ?? usableCores(), signal, task: display.task };
    const { line, forms } = await deployment(root, test, summary, how).finally(display.stop);
    print(line, isLast ? outlook(root, summary, forms) : '');
    return true;
  });
}

/** Prints the texts that are not empty, each as lines of their own. */
function print(...texts: readonly string[]): void {
  for (const text of texts.filter(Boolean)) process.stdout.write(`${text}\n`);
}

/** The display of a rank; only the first one reports. */
function displayOf({ rank }: Ranks, frame: ProgressFrame): ProgressDisplay {
  if (rank === 0) return progressDisplay(frame);
  return { task: () => {}, line: () => {}, stop: () => {} };
}

/** Draws the pictures. Resolves to false if it cannot. */
async function draw(root: string, line: (text: string) => void): Promise<boolean> {
  const { plotRun } = await import('../report/index.js');
  return (await ifDrawable(() => plotRun(root), line)) !== null;
}
