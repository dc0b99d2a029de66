/**
 * Every activation and every logit of the forms that ship, against the integer interpreter, on pictures: the runtime with
 * each kind of its kernels; the C, compiled for this machine with sanitizers, and logits of a few pictures on emulated
 * boards; the exact ONNX model, with weights of 8 bits and packed, in onnxruntime at three optimisation levels and in
 * onnxruntime-web; its logits against the float64 reference; and how far the model for accelerators is off.
 *
 *     npm run build && node bench/shippedForms.mjs RUN FOLDER [--each 100] [--emulated 3] [--forms runtime,c,onnx,npu,reference]
 *
 * FOLDER holds a folder of pictures for each class, all of the network's size; `--each` takes the first so many of each,
 * and `--emulated` the first so many of all for boards. One picture takes about 0.4 s for all forms of ResNet-20.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as native from 'onnxruntime-node';
import * as ort from 'onnxruntime-web';
import sharp from 'sharp';
import { npuMismatches } from '../dist/deploy/npuMismatches.js';
import { load } from '../dist/runtime/index.js';
import { usableKinds } from '../dist/runtime/kernelModule.js';
import { runIntegers } from '../dist/ship/interpreter.js';
import { channelsFirst } from '../dist/ship/onnx/channelsFirst.js';
import { exactModel } from '../dist/ship/onnx/exactModel.js';
import { packNetwork } from '../dist/ship/packedFile.js';
import { emulatedDifferences, sanitizedProgram } from './compiledC.mjs';
import { networkOf, referenceLogits } from './integerNetworkOfRun.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    each: { type: 'string', default: '100' },
    emulated: { type: 'string', default: '3' },
    forms: { type: 'string', default: 'runtime,c,onnx,npu' },
  },
});
const [root, folder] = positionals;
if (!root || !folder) throw new Error('name a run folder and a folder of pictures');
const forms = new Set(options.forms.split(','));
const network = await networkOf(root);
const [height, width, channels] = network.layers[0].output.shape;

const runtimes = new Map();
for (const kernels of forms.has('runtime') ? usableKinds() : [])
  runtimes.set(`runtime, ${kernels}`, await load(packNetwork(network), { kernels }));
ort.env.wasm.numThreads = 1;
const sessions = new Map();
for (const packed of forms.has('onnx') ? [false, true] : []) {
  const model = exactModel(network, { packed, metadata: {} });
  const form = `exact ONNX${packed ? ', packed' : ''}`;
  for (const graphOptimizationLevel of ['disabled', 'basic', 'all']) {
    const session = await native.InferenceSession.create(model, { graphOptimizationLevel, intraOpNumThreads: 1 });
    sessions.set(`${form}, onnxruntime-node, ${graphOptimizationLevel} optimisations`, [native, session]);
  }
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'], logSeverityLevel: 3 });
  sessions.set(`${form}, onnxruntime-web`, [ort, session]);
}

const counts = new Map();
const add = (form, what, different, all) => {
  const of = counts.get(`${form}, ${what}`) ?? { different: 0, all: 0 };
  counts.set(`${form}, ${what}`, { different: of.different + different, all: of.all + all });
};
const count = (form, what, values, wanted) => {
  let different = 0;
  for (let i = 0; i < wanted.length; i++) if (Number(values[i]) !== wanted[i]) different++;
  add(form, what, different, wanted.length);
};
const images = [];
for (const name of readdirSync(folder).sort()) {
  for (const file of readdirSync(join(folder, name)).sort().slice(0, Number(options.each))) {
    images.push(
      new Uint8Array(
        await sharp(join(folder, name, file))
          .removeAlpha()
          .raw()
          .toBuffer(),
      ),
    );
  }
}
const program = forms.has('c') ? sanitizedProgram(network) : null;
for (const image of images) {
  const own = new Map();
  const logits = runIntegers(network, image, ({ name }, values) => own.set(name, values));
  for (const compiled of program?.run([image], [own]) ?? []) {
    for (const { isEqual, count: all } of compiled.activations)
      add('C, sanitized', 'activations', isEqual ? 0 : all, all);
    count('C, sanitized', 'logits', compiled.logits, logits);
  }
  for (const [form, deployed] of runtimes) {
    const got = deployed.trace(image, ({ name }, values) => count(form, 'activations', values, own.get(name)));
    count(form, 'logits', got, logits);
  }
  for (const [form, [runtime, session]] of sessions) {
    const tensor = new runtime.Tensor('uint8', channelsFirst(image, channels), [1, channels, height, width]);
    count(form, 'logits', (await session.run({ image: tensor })).logits.data, logits);
  }
}
program?.close();
if (forms.has('reference')) {
  const { unit } = network.layers.at(-1);
  const integers = images.flatMap((image) => [...runIntegers(network, image)]);
  const reference = Array.from(await referenceLogits(root, images), (logit) => logit / unit);
  count('float64 reference', 'logits', reference, integers);
}
const emulated = program ? images.slice(0, Number(options.emulated)) : [];
for (const [board, ran] of emulated.length > 0 ? emulatedDifferences(network, emulated) : []) {
  add(`C, emulated ${board}`, 'logits', ran.different, ran.images * network.layers.at(-1).weights.shape.at(-1));
}
process.stdout.write(`Node ${process.version}, ${images.length} pictures\n`);
for (const [what, { different, all }] of counts) process.stdout.write(`${what}: ${different} of ${all} differ\n`);
if (forms.has('npu')) {
  const npu = await npuMismatches(network, images.slice(0, 200)).catch(({ message }) => message);
  process.stdout.write(`model for accelerators: ${JSON.stringify(npu)}\n`);
}
