/**
 * Every activation and every logit of the forms that ship, against the integer interpreter, on pictures: the runtime with
 * each kind of its kernels, the exact ONNX model in onnxruntime-web with weights of 8 bits and packed, and how far the
 * model for accelerators is off.
 *
 *     npm run build && node bench/shippedForms.mjs RUN FOLDER [--each 100]
 *
 * FOLDER holds a folder of pictures for each class, all of the network's size; `--each` takes the first so many of each.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as ort from 'onnxruntime-web';
import sharp from 'sharp';
import { npuMismatches } from '../dist/deploy/npuMismatches.js';
import { load } from '../dist/runtime/index.js';
import { usableKinds } from '../dist/runtime/kernelModule.js';
import { runIntegers } from '../dist/ship/interpreter.js';
import { channelsFirst } from '../dist/ship/onnx/channelsFirst.js';
import { exactModel } from '../dist/ship/onnx/exactModel.js';
import { packNetwork } from '../dist/ship/packedFile.js';
import { networkOf } from './integerNetworkOfRun.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { each: { type: 'string', default: '100' } },
});
const [root, folder] = positionals;
if (!root || !folder) throw new Error('name a run folder and a folder of pictures');
const network = await networkOf(root);
const [height, width, channels] = network.layers[0].output.shape;

const runtimes = new Map();
for (const kernels of usableKinds()) runtimes.set(`runtime, ${kernels}`, await load(packNetwork(network), { kernels }));
ort.env.wasm.numThreads = 1;
const sessions = new Map();
for (const packed of [false, true]) {
  const model = exactModel(network, { packed, metadata: {} });
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'], logSeverityLevel: 3 });
  sessions.set(`onnxruntime-web, exact${packed ? ', packed' : ''}`, session);
}

const counts = new Map();
const count = (form, what, values, wanted) => {
  const of = counts.get(`${form}, ${what}`) ?? { different: 0, all: 0 };
  counts.set(`${form}, ${what}`, of);
  of.all += wanted.length;
  for (let i = 0; i < wanted.length; i++) if (Number(values[i]) !== wanted[i]) of.different++;
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
for (const image of images) {
  const own = new Map();
  const logits = runIntegers(network, image, ({ name }, values) => own.set(name, values));
  for (const [form, deployed] of runtimes) {
    const got = deployed.trace(image, ({ name }, values) => count(form, 'activations', values, own.get(name)));
    count(form, 'logits', got, logits);
  }
  for (const [form, session] of sessions) {
    const tensor = new ort.Tensor('uint8', channelsFirst(image, channels), [1, channels, height, width]);
    count(form, 'logits', (await session.run({ image: tensor })).logits.data, logits);
  }
}
process.stdout.write(`Node ${process.version}, ${images.length} pictures\n`);
for (const [what, { different, all }] of counts) process.stdout.write(`${what}: ${different} of ${all} differ\n`);
const npu = await npuMismatches(network, images.slice(0, 200));
process.stdout.write(`model for accelerators: ${JSON.stringify(npu)}\n`);
