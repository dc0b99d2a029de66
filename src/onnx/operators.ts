/** The operators that become layers, by name. */

import { elementCount } from '../elementCount.js';
import { batchNormalization } from './batchNorm.js';
import { checkAxis, concat, slice, split } from './channels.js';
import { convolution } from './convolution.js';
import { activated, addition, clip, gate, hardSigmoid, multiplication } from './elementwise.js';
import { linear } from './linear.js';
import type { NodeContext } from './nodeContext.js';
import type { Known } from './outputs.js';
import { averagePool, globalAverage, pad, pool, reduceMean } from './pooling.js';
import { fromFirst, reshaped, transposed, unsqueezed } from './shapeArithmetic.js';
import { dropout, flattened, lastOnly, passedOn, turned } from './shapes.js';

export type Handler = (context: NodeContext) => Known | readonly Known[];

/** Operators that have no layer and vanish once shapes are known. */
export const arithmetic: ReadonlySet<string> = new Set([
  ...['Constant', 'Shape', 'Gather', 'ConstantOfShape', 'Cast', 'Sub', 'Div'],
]);

export const handlers: ReadonlyMap<string, Handler> = new Map(
  Object.entries<Handler>({
    Conv: convolution,
    BatchNormalization: batchNormalization,
    Gemm: (context) => {
      const { transA, transB, alpha, beta } = {
        ...{ transA: context.number('transA', 0), transB: context.number('transB', 0) },
        ...{ alpha: context.number('alpha', 1), beta: context.number('beta', 1) },
      };
      if (transA !== 0 || alpha !== 1 || beta !== 1) throw context.fault('alpha, beta or transA');
      const weight = context.needed(1);
      return linear(context, transB === 1 ? weight : transposed(weight));
    },
    MatMul: (context) => linear(context, transposed(context.needed(1))),
    Add: addition,
    Mul: multiplication,
    Relu: (context) => activated(context, 'relu'),
    Sigmoid: (context) => gate(context, 'sigmoid'),
    HardSigmoid: hardSigmoid,
    HardSwish: (context) => activated(context, 'hardSwish'),
    Concat: concat,
    Slice: slice,
    Split: split,
    Clip: clip,
    MaxPool: (context) => pool(context, 'maxPool'),
    AveragePool: averagePool,
    GlobalAveragePool: (context) => globalAverage(context, true),
    ReduceMean: reduceMean,
    Flatten: (context) => {
      const x = context.paddedOutput();
      checkAxis(context, x, context.number('axis', 1));
      return flattened(context, [1, elementCount(x.shape.slice(1))]);
    },
    Reshape: (context) => {
      const [images, ...sizes] = context.needed(1).values;
      // A file with a fixed batch size has that number in its shapes.
      const wanted = images === context.importer.images ? [1, ...sizes] : [images!, ...sizes];
      return flattened(context, reshaped(context.paddedOutput().shape, wanted));
    },
    Transpose: turned,
    Squeeze: (context) => {
      const { shape } = context.output();
      const axes = fromFirst(context.axes, shape.length);
      const isDropped = (size: number, axis: number) =>
        axes.length > 0 ? axes.includes(axis) : size === 1 && axis > 0;
      return flattened(
        context,
        shape.filter((size, axis) => !isDropped(size, axis)),
      );
    },
    Unsqueeze: (context) => {
      const { shape } = context.output();
      if (shape.slice(2).some((size) => size > 1)) throw context.fault(`of [${shape}], features are wanted`);
      const axes = context.numbers('axes') ?? [...context.needed(1).values];
      const added = unsqueezed(shape, axes);
      if (!added) throw context.fault(`of [${shape}] with axes ${axes}`);
      return flattened(context, added);
    },
    Pad: pad,
    Identity: passedOn,
    Dropout: dropout,
    Softmax: lastOnly,
    LogSoftmax: lastOnly,
  }),
);
