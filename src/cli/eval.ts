/** `mpdnn eval`: the metric and sizes of a trained run. */

import { Command } from 'commander';
import type { Images } from '../data/index.js';
import { evaluateDeployed, testLogitsOf } from '../deploy/deployedEvaluation.js';
import { openTrained } from '../deploy/trainedNetwork.js';
import { usableCores } from '../engine/cpu/nodePlatform.js';
import { gbopsText } from '../gbops.js';
import { kilobytesText } from '../kilobytes.js';
import { type EachScore, eachOutput } from '../program/eachOutput.js';
import { evaluationScaling, type InferenceEvents, openInference } from '../program/inference.js';
import type { Sizes } from '../program/quantizerReport.js';
import type { ProgramOptions } from '../program/trainingProgram.js';
import { evaluatedExperiment, evaluatedParameters, loadEvaluationData, openEvaluated } from '../runs/evaluationData.js';
import { engineOf } from '../runs/workbench.js';
import type { Experiment } from '../settings/index.js';
import { outputsOf } from '../ship/integerNetwork.js';
import { predictionOf } from '../ship/interpreter.js';
import { metricNames, metrics, namedMetric, type Task } from '../task.js';
import { dataShape, programOptions } from '../train/programOptions.js';
import { type LoadedWeights, readStartingWeights } from '../weights/index.js';
import { eachTable } from './eachTable.js';
import { addEvaluationOptions } from './evaluationOptions.js';
import { progressDisplay, progressFrame } from './progress.js';

export function evalCommand(): Command {
  const command = new Command('eval')
    .description('error and sizes of a trained run')
    .argument('<run>', 'a run folder, or a file of parameters')
    .option(
      '--data <spec>',
      "images to use instead of the run's; of images:DIR those of DIR/val, DIR/test or DIR itself",
    )
    .option('--image-size <n>', 'side of the square images of images:DIR')
    .option('--limit-val <n>', 'number of images to use')
    .option('--decode-threads <n>', 'number of images decoded at a time')
    .option('--each', 'also the error of each class, or of each number, label or class of pixels')
    .option('--deployed', 'evaluate the exported integer network, too')
    .option('--json', 'one JSON object on stdout')
    .action(async (root: string, options: Record<string, string | boolean | undefined>) => {
      const { last, json, each, deployed, ...overrides } = options;
      const how = { last: last === true, each: each === true, deployed: deployed === true };
      const result = await evaluateRun(root, overrides, how);
      process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${describe(result)}\n`);
    });
  return addEvaluationOptions(command);
}

/** One of these metrics, by its name; `rmse` comes beside `mse`. */
interface NamedMetrics {
  readonly error?: number;
  readonly mse?: number;
  readonly rmse?: number;
  readonly auc?: number;
  readonly iou?: number;
}

interface EvalResult extends Sizes, NamedMetrics {
  readonly run: string;
  readonly parameters: string;
  readonly loss: number;
  readonly images: number;
  readonly bits: Readonly<Record<string, number>>;
  readonly device: string;
  /** The scores of single classes or outputs, with `--each`. */
  readonly each?: readonly EachScore[];
  /** Evaluation of the integer network, with `--deployed`. */
  readonly deployed?: NamedMetrics & {
    readonly loss: number;
    /** Images for which the integer network predicts another class; null where outputs are not classes. */
    readonly different_predictions: number | null;
    /** Shape of the logits: [classes], or [height, width, classes] for a class a pixel. */
    readonly output_shape: readonly number[];
    /** Integer logits of the test images that an export's C program and files hold. */
    readonly test_logits: readonly (readonly number[])[];
  };
}

async function evaluateRun(
  root: string,
  overrides: Record<string, string | boolean | undefined>,
  { last, each, deployed }: { readonly last: boolean; readonly each: boolean; readonly deployed: boolean },
): Promise<EvalResult> {
  const run = openEvaluated(root);
  const { folder, config } = run;
  const experiment = evaluatedExperiment(run, overrides);
  const display = progressDisplay(progressFrame(experiment));
  const progressOf = (name: string) => (done: number, total: number) => display.task(name, done, total);
  // Refused before any image is loaded, if the network cannot be exported.
  const proving = progressOf('proving the integers');
  const trained = deployed ? await openTrained(root, last, proving).finally(display.stop) : null;
  const parameters = evaluatedParameters(folder, last);
  const starting = await readStartingWeights(parameters);
  const data = await loadEvaluationData(experiment, run, display).finally(display.stop);
  try {
    const { test } = data;
    const shape = { ...dataShape(data, config.data ?? undefined, test.count), trainImages: 1 };
    const options = programOptions(experiment, shape, null);
    const { task, threads } = experiment;
    const byOutput = each
      ? eachOutput(task, test, config.data?.classes ?? data.classes, evaluationScaling(options))
      : null;
    const predictions = new Int32Array(test.count);
    const keep = (outputs: Float64Array, image: number) => {
      if (trained) predictions[image] = predictionOf(outputs);
      byOutput?.add(outputs, image);
    };
    const events = { visit: trained || byOutput ? keep : undefined, onProgress: progressOf('evaluating') };
    const { error, loss, ...told } = await evaluateOnEngine(experiment, options, starting, test, events).finally(
      display.stop,
    );
    if (!Number.isFinite(loss)) throw new Error(`${parameters}: gives a loss that is no finite number`);
    const images = test.count;
    const scores = byOutput && { each: byOutput.scores() };
    const result = { run: config.experiment, parameters, ...metricsOf(task, error), loss, images, ...told, ...scores };
    if (!trained) return result;
    const how = { threads: threads ?? usableCores(), onProgress: progressOf('in integers') };
    const integers = await evaluateDeployed(trained, test, how).finally(display.stop);
    const { predictions: ofIntegers } = integers;
    return {
      ...result,
      deployed: {
        ...metricsOf(task, integers.error),
        loss: integers.loss,
        different_predictions: ofIntegers && predictions.filter((label, image) => label !== ofIntegers[image]).length,
        output_shape: outputsOf(trained.lowered.network).shape,
        test_logits: await testLogitsOf(trained.lowered.network),
      },
    };
  } finally {
    await data.close();
  }
}

/**
 * Evaluates on an engine: error, loss, sizes, bits. The engine is disposed of at once, so that its GPU is free for
 * others.
 */
async function evaluateOnEngine(
  experiment: Experiment,
  options: ProgramOptions,
  weights: LoadedWeights,
  images: Images,
  events: InferenceEvents,
) {
  const engine = await engineOf(experiment);
  try {
    const { evaluate, quantizers } = await openInference(engine, options, weights);
    const { error, loss } = await evaluate(images, events);
    return { error, loss, ...quantizers.sizes, bits: quantizers.bits, device: `${engine.name}: ${engine.description}` };
  } finally {
    await engine.dispose();
  }
}

function metricsOf({ metric }: Task, error: number): NamedMetrics {
  return { [metric]: metrics[metric].of(error), ...(metric === 'mse' && { rmse: Math.sqrt(error) }) };
}

function metricWords(result: NamedMetrics): string {
  return metricNames
    .flatMap((name) => (result[name] === undefined ? [] : namedMetric(name, metrics[name].of(result[name]))))
    .concat(result.rmse === undefined ? [] : `RMSE ${Number(result.rmse.toPrecision(4))}`)
    .join('  ');
}

function describe(result: EvalResult): string {
  const { each, deployed, weights_kb, activations_max_kb, activations_sum_kb, activations_peak_kb, gbops, cost } =
    result;
  const kb = (kbytes: number) => kilobytesText(kbytes, 2);
  return [
    `${result.run}  ${metricWords(result)}  loss ${result.loss.toFixed(4)}  on ${result.images} images`,
    `weights ${kb(weights_kb)} kB  activations max ${kb(activations_max_kb)} kB, sum ${kb(activations_sum_kb)} kB, peak ${activations_peak_kb === null ? '–' : kb(activations_peak_kb)} kB  ${gbops === null ? '–' : gbopsText(gbops)} GBOPs${cost === null ? '' : `  cost ${Number(cost.toPrecision(4))}`}`,
    ...(each ? [eachTable(each)] : []),
    ...(deployed
      ? [
          `in integers  ${metricWords(deployed)}  loss ${deployed.loss.toFixed(4)}` +
            differing(deployed.different_predictions, result.images),
          ...deployed.test_logits.map((logits, image) => {
            // Logits of the first pixel, as the C program prints them.
            return `test image ${image}: ${logits.slice(0, deployed.output_shape.at(-1)).join(' ')}`;
          }),
        ]
      : []),
  ].join('\n');
}

function differing(predictions: number | null, images: number): string {
  return predictions === null ? '' : `  ${predictions} of ${images} predictions differ`;
}
