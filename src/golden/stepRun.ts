/** A golden training run on an engine: steps on one batch, and everything that can be read by name after each. */

import type { Engine } from '../engine/engine.js';
import { elementCount } from '../graph/index.js';
import { STORAGE, toStored, type Variable } from '../nn/index.js';
import { CONTROL, CONTROL_LENGTH, PENALTIES, type Solver } from '../ops/attributes.js';
import { buildTrainingProgram, type TrainingProgram } from '../program/trainingProgram.js';
import { parameterNames, type TableSizes, tableSizes } from '../quant/index.js';
import { goldenProgram } from './goldenProgram.js';
import { inputBatch, type Losses, type StepConfig, startingWeights } from './resnet20StepFile.js';

export type NamedTensors = ReadonlyMap<string, ArrayLike<number>>;

export interface StepRun {
  readonly program: TrainingProgram;
  /** Trains one step on the batch. Resolves to the losses before its update. */
  train(learningRate: number): Promise<Losses>;
  /** Logits in evaluation mode. */
  evaluate(): Promise<ArrayLike<number>>;
  /** Logits of the last step or evaluation. */
  logits(): Promise<ArrayLike<number>>;
  /** All learned tensors, or their gradients (of the whole loss, before weight decay), in the stored layout. */
  tensors(which: 'values' | 'gradients'): Promise<NamedTensors>;
  /** Learned values of quantizers, or their gradients after decay and limiting. */
  quantizers(which: 'values' | 'limited'): Promise<NamedTensors>;
  running(): Promise<NamedTensors>;
  /** Mean and 1/√(variance + ε) of the last batch, by the name of the convolution's weight. */
  statistics(): Promise<NamedTensors>;
  sizes(): Promise<TableSizes>;
  dispose(): Promise<void>;
}

export async function startRun(engine: Engine, golden: StepConfig, solver: Solver, decay: number): Promise<StepRun> {
  const [, , imageSize] = golden.input.shape;
  const built = goldenProgram({
    where: golden.name,
    settings: golden.config,
    batchSize: golden.batch,
    classes: golden.step0.logits[0]?.length ?? 0,
    imageSize,
    starting: startingWeights(golden),
  });
  const program = buildTrainingProgram({ ...built.options, solver, weightDecay: decay });
  const { variables, options } = program;
  const { budget } = options;
  const loaded = await engine.load(program.plan);
  const writeAll = (storage: string, list: readonly Variable[]) => {
    for (const { start, view } of list) loaded.write(storage, start, view.offset);
  };
  writeAll(STORAGE.parameters, variables.parameters);
  writeAll(STORAGE.running, variables.running);
  if (variables.table.length) loaded.write(STORAGE.quantizers, variables.table);
  loaded.write(STORAGE.batchImages, inputBatch(golden));
  loaded.write(STORAGE.batchLabels, golden.labels);

  const readAll = async (storage: string, list: readonly Variable[]) => {
    const all = await loaded.read(storage);
    return list.map(({ name, shape, layout, view }): [string, ArrayLike<number>] => {
      const inside = Float64Array.from(all.subarray(view.offset, view.offset + elementCount(shape)));
      return [name, toStored(inside, shape, layout)];
    });
  };
  const readQuantizers = async (storage: string) => {
    const table = await loaded.read(storage);
    return variables.quantizers.flatMap(({ name, kind }, row) =>
      parameterNames(kind).map((parameter, i): [string, ArrayLike<number>] => {
        return [`${name}/${kind}/${parameter}`, [table[2 * row + i]!]];
      }),
    );
  };

  return {
    program,
    train: async (learningRate) => {
      const control = new Float64Array(CONTROL_LENGTH);
      control[CONTROL.learningRate] = learningRate;
      control[CONTROL.lambdaWeight] = budget.lambdaWeight;
      control[CONTROL.lambdaActivation] = budget.lambdaActivation;
      loaded.write(STORAGE.control, control);
      await loaded.run('train');
      const loss1 = (await loaded.read(STORAGE.loss))[0]!;
      const penalties = await loaded.read(STORAGE.penalties);
      const loss2 = penalties[PENALTIES.loss2]!;
      const loss3 = penalties[PENALTIES.loss3]!;
      const max = budget.activationType === 'max';
      return {
        loss1,
        loss2,
        loss3,
        total: loss1 + budget.lambdaWeight * loss2 + budget.lambdaActivation * loss3,
        weight_kbytes: penalties[PENALTIES.weightKbytes]!,
        activation_kbytes: penalties[max ? PENALTIES.activationMaxKbytes : PENALTIES.activationSumKbytes]!,
      };
    },
    evaluate: async () => {
      await loaded.run('evaluate');
      return loaded.read(STORAGE.logits);
    },
    logits: () => loaded.read(STORAGE.logits),
    tensors: async (which) => {
      const [vector, table] =
        which === 'values' ? [STORAGE.parameters, STORAGE.quantizers] : [STORAGE.gradients, STORAGE.quantizerGradients];
      return new Map([...(await readAll(vector, variables.parameters)), ...(await readQuantizers(table))]);
    },
    quantizers: async (which) =>
      new Map(await readQuantizers(which === 'values' ? STORAGE.quantizers : STORAGE.quantizerLimited)),
    running: async () => new Map(await readAll(STORAGE.running, variables.running)),
    statistics: async () => {
      const all = await loaded.read(STORAGE.statistics);
      return new Map(variables.layers.map(({ name, offset, length }) => [name, all.subarray(offset, offset + length)]));
    },
    sizes: async () => tableSizes(variables.quantizers, await loaded.read(STORAGE.quantizers), variables.unquantized),
    dispose: () => loaded.dispose(),
  };
}
