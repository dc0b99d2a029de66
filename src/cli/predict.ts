/** `mpdnn predict`: predictions of a trained run for images, arrays or sounds in files. */

import { Command } from 'commander';
import { readForNetwork } from '../data/files/index.js';
import { InputError } from '../errors.js';
import { openInference } from '../program/inference.js';
import { type Answer, answers, type Prediction, predictions } from '../program/predictions.js';
import { reconstructionError } from '../program/score.js';
import { evaluatedExperiment, evaluatedParameters, openEvaluated } from '../runs/evaluationData.js';
import { engineOf } from '../runs/workbench.js';
import { describedShape, programOptions } from '../train/programOptions.js';
import { readStartingWeights } from '../weights/index.js';
import { addEvaluationOptions } from './evaluationOptions.js';
import { percent } from './progress.js';
import { textTable } from './textTable.js';

/** Inputs a batch. */
const BATCH = 64;

type FilePrediction = { readonly file: string } & (Prediction | Answer | { readonly error: number });

export function predictCommand(): Command {
  const command = new Command('predict')
    .description('predictions of a trained run for images, numbers in .npy and .csv files, or clips in .wav files')
    .argument('<run>', 'a run folder, or a file of parameters')
    .argument('<images...>', 'image files, or .npy, .csv or .wav files')
    .option('--json', 'one JSON array on stdout')
    .action(async (root: string, files: string[], options: Record<string, string | boolean | undefined>) => {
      const { last, json, ...overrides } = options;
      const { classes, found } = await predict(root, files, overrides, last === true);
      process.stdout.write(`${json ? JSON.stringify(found) : textTable(found.map((one) => row(one, classes)))}\n`);
    });
  return addEvaluationOptions(command);
}

async function predict(
  root: string,
  files: readonly string[],
  overrides: Record<string, string | boolean | undefined>,
  last: boolean,
): Promise<{ readonly classes: readonly string[]; readonly found: readonly FilePrediction[] }> {
  const run = openEvaluated(root);
  const { data } = run.config;
  if (!data) throw new InputError(`${root}: is of an older version, which kept neither classes nor the size of images`);
  const experiment = evaluatedExperiment(run, overrides);
  const weights = await readStartingWeights(evaluatedParameters(run.folder, last));
  const { source, augment } = experiment.data;
  const framing = augment === 'resized_crop' ? 'crop' : 'fill';
  const { image, values, features } = data;
  const { inputs, names } = await readForNetwork(files, { image, values, features, kind: source.kind, framing });
  const shape = describedShape(data, inputs.count);
  const options = { ...programOptions(experiment, shape, null), batchSize: Math.min(BATCH, inputs.count) };
  const engine = await engineOf(experiment);
  try {
    const inference = await openInference(engine, options, weights);
    const outputs = await inference.logits(inputs);
    const { loss, target } = experiment.task;
    const all = () => {
      if (target === 'input') {
        const size = outputs.length / inputs.count;
        return names.map((_, input) => ({
          error: reconstructionError(outputs.subarray(input * size, (input + 1) * size), inputs, input, data),
        }));
      }
      return loss === 'classes'
        ? predictions(outputs, data.classes)
        : answers(loss, outputs, inference.outputShape, data.classes);
    };
    return { classes: data.classes, found: all().map((one, index) => ({ file: names[index]!, ...one })) };
  } finally {
    await engine.dispose();
  }
}

/** A row of the table: the file and its prediction. */
function row({ file, ...found }: FilePrediction, classes: readonly string[]): string[] {
  const short = (value: number) => String(Number(value.toPrecision(5)));
  if ('error' in found) return [file, `squared error ${short(found.error)}`];
  if ('values' in found) {
    const { length } = found.values;
    const isNamed = length > 1 && classes.length === length && classes.some((name, output) => name !== String(output));
    const told = found.values.map((value, output) => (isNamed ? `${classes[output]} ${short(value)}` : short(value)));
    return [file, told.join(isNamed ? ', ' : ' ')];
  }
  if ('shares' in found) {
    const own = found.shares.flatMap((share, label) => (share > 0 ? `${classes[label]} ${percent(share, 1)}` : []));
    return [file, own.join(', ')];
  }
  if ('labels' in found) {
    const told = found.labels.map((name) => `${name} ${percent(found.probabilities[classes.indexOf(name)]!)}`);
    return [file, told.join(', ') || 'none of the labels'];
  }
  return [file, ...classWords(found, classes)];
}

/** Class, probability, and the second most probable class. */
function classWords({ class: name, label, probability, logits }: Prediction, classes: readonly string[]): string[] {
  const others = logits.map((logit, index) => (index === label ? Number.NEGATIVE_INFINITY : logit));
  const next = others.indexOf(Math.max(...others));
  const second = probability * Math.exp(logits[next]! - logits[label]!);
  const rest = classes.length > 1 ? `next ${classes[next]} ${percent(second)}` : '';
  return [name, percent(probability), rest];
}
