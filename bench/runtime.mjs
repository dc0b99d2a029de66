/**
 * Times one image on one thread: the integer runtime with each kind of its kernels, and onnxruntime-web's WebAssembly with
 * the same network as folded float32, as `exactModel`, and as fused 8-bit convolutions (`npuModel`). All take turns in one
 * process, image by image; medians count. Also times the making of the integers, certificates included.
 *
 *     npm run build && node bench/runtime.mjs RUN [--rounds 60]
 *
 * RUN is a run folder of a network that can be shipped. The fused model gets outputs of the full eight bits, so that
 * nothing but fused convolutions and sums is left of it: the fastest form that onnxruntime-web has.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import * as ort from 'onnxruntime-web';
import { createRandom } from '../dist/data/index.js';
import { openTrained } from '../dist/deploy/trainedNetwork.js';
import { median } from '../dist/median.js';
import { load } from '../dist/runtime/index.js';
import { usableKinds } from '../dist/runtime/kernelModule.js';
import { lowerNetwork } from '../dist/ship/lowering.js';
import { channelsFirst } from '../dist/ship/onnx/channelsFirst.js';
import { exactModel } from '../dist/ship/onnx/exactModel.js';
import { DataType, modelBuilder } from '../dist/ship/onnx/modelBuilder.js';
import { convolutionAttributes, outputsFirst } from '../dist/ship/onnx/networkWriter.js';
import { npuModel } from '../dist/ship/onnx/npuModel.js';
import { packNetwork } from '../dist/ship/packedFile.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '60' } },
});
if (!positionals[0]) throw new Error('name a run folder');
const { program, classes } = await openTrained(positionals[0], false);
const begin = performance.now();
const { network } = lowerNetwork(program, classes);
const seconds = (performance.now() - begin) / 1000;
const [height, width, channels] = network.layers[0].output.shape;
const random = createRandom(1);
const image = Uint8Array.from({ length: height * width * channels }, () => random.below(256));

const contestants = new Map();
const packed = packNetwork(network);
for (const kernels of usableKinds()) {
  const deployed = await load(packed, { kernels });
  contestants.set(`runtime, ${kernels}`, () => deployed.logits(image));
}
ort.env.wasm.numThreads = 1;
for (const [name, model] of [
  ['onnxruntime-web, float32', floatModel(network)],
  ['onnxruntime-web, exact', exactModel(network, { packed: false, metadata: {} })],
  ['onnxruntime-web, fused int8', npuModel(withWholeBytes(network), { metadata: {} })],
]) {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  const tensor = new ort.Tensor('uint8', channelsFirst(image, channels), [1, channels, height, width]);
  contestants.set(name, () => session.run({ image: tensor }));
}

const times = new Map(Array.from(contestants.keys(), (name) => [name, []]));
const warmUp = 40;
for (let round = -warmUp; round < Number(options.rounds); round++) {
  for (const [name, run] of contestants) {
    const start = performance.now();
    await run();
    if (round >= 0) times.get(name).push(performance.now() - start);
  }
}
process.stdout.write(`Node ${process.version}, ${cpus()[0].model}, ${height}x${width} pixels\n`);
process.stdout.write(`integers with certificates in ${seconds.toFixed(2)} s\n`);
const fused = times.get('onnxruntime-web, fused int8');
for (const [name, all] of times) {
  const told = [median, (ms) => Math.min(...ms)].map(
    (of) => `${of(all).toFixed(2)} ms (${(of(fused) / of(all)).toFixed(2)})`,
  );
  process.stdout.write(`${name.padEnd(30)} median ${told[0]}, least ${told[1]}\n`);
}
process.stdout.write('in brackets: how many times as fast as fused int8\n');

/** The same convolutions with outputs of eight bits. */
function withWholeBytes({ layers, ...network }) {
  const widened = layers.map((layer) => {
    if (layer.op !== 'convolution') return layer;
    return { ...layer, output: { ...layer.output, grid: { type: 'uniform', lo: 0, hi: 255 } } };
  });
  return { ...network, layers: widened };
}

/** Convolutions with folded normalisations, sums and ReLUs in float32. */
function floatModel({ layers }) {
  const builder = modelBuilder();
  const floats = (shape, values) => builder.constant(DataType.FLOAT, shape, values);
  const names = new Map();
  let classes = 0;
  for (const layer of layers) {
    if (layer.op === 'input') {
      const bytes = builder.node('Cast', ['image'], { to: DataType.FLOAT });
      const offsets = floats([1, layer.offsets.length, 1, 1], layer.offsets);
      names.set(
        layer.output.name,
        builder.node('Sub', [builder.node('Mul', [bytes, floats([], [layer.scale])]), offsets]),
      );
    } else if (layer.op === 'convolution') {
      const [product] = layer.products;
      const { multipliers, biases, shifts, addendShift, outputShift } = layer.requantization;
      const unit = Array.from(shifts, (shift) => 2 ** -(shift + outputShift));
      const { dims, values } = outputsFirst(product.weights.values, product.weights.shape, product.depthwise);
      const each = dims.slice(1).reduce((a, b) => a * b);
      const folded = Array.from(values, (value, at) => {
        const channel = Math.floor(at / each);
        return value * multipliers[0][channel] * unit[channel];
      });
      const bias = unit.map((size, channel) => Number(biases[channel]) * size - 0.5);
      const inputs = [names.get(product.input.name), floats(dims, folded), floats([bias.length], bias)];
      let y = builder.node('Conv', inputs, convolutionAttributes(product));
      if (layer.addend) {
        const factor = 2 ** (addendShift - outputShift);
        const addend = names.get(layer.addend.name);
        y = builder.node('Add', [y, factor === 1 ? addend : builder.node('Mul', [addend, floats([], [factor])])]);
      }
      names.set(layer.output.name, builder.node('Relu', [y]));
    } else if (layer.op === 'subsample') {
      const list = (values) => builder.constant(DataType.INT64, [values.length], values);
      const { stride, input, output } = layer;
      const axes = [list([0, 0]), list([2 ** 30, 2 ** 30]), list([2, 3]), list([stride, stride])];
      const sliced = builder.node('Slice', [names.get(input.name), ...axes]);
      const extra = output.shape[2] - input.shape[2];
      names.set(output.name, builder.node('Pad', [sliced, list([0, 0, 0, 0, 0, extra, 0, 0])]));
    } else if (layer.op === 'sumPool') {
      const pooled = builder.node('GlobalAveragePool', [names.get(layer.input.name)]);
      names.set(layer.output.name, builder.node('Flatten', [pooled]));
    } else if (layer.op === 'classifier') {
      const { weights, input } = layer;
      classes = weights.shape[1];
      builder.node('MatMul', [names.get(input.name), floats(weights.shape, weights.values)], {}, 'logits');
    } else throw new Error(`the float model has no ${layer.op}`);
  }
  return builder.finish(
    [{ name: 'image', type: DataType.UINT8, shape: ['N', channels, height, width] }],
    [{ name: 'logits', type: DataType.FLOAT, shape: ['N', classes] }],
    {},
  );
}
