/** The page: opens a packed network and classifies pictures. */

import { load } from 'mixed-precision-dnns/runtime';
import { regionOf, scaled } from './framing.js';

const element = (id) => document.getElementById(id);
const likeliest = 5;
let network = null;

function say(text, isFault = false) {
  element('status').textContent = text;
  element('status').classList.toggle('fault', isFault);
}

/** The reason why a network cannot classify pictures; null if it can. */
function unfitness({ inputShape, outputShape, loss }) {
  const [height, width, channels] = inputShape;
  if (height * width === 1) return `takes lines of ${channels} numbers, this page gives pictures`;
  if (channels !== 3) return `takes inputs of ${inputShape.join('×')} numbers, pictures have 3 channels`;
  if (loss === 'values' || loss === 'labels') return `puts out ${loss}, this page shows classes`;
  return outputShape.length > 1 ? 'has a class for every pixel, this page one a picture' : null;
}

async function openNetwork(file) {
  const opened = await load(await file.arrayBuffer(), { source: file.name });
  const fault = unfitness(opened);
  if (fault) throw new Error(`${file.name}: ${fault}`);
  network = opened;
  const [height, width] = network.inputShape;
  element('pictures').disabled = false;
  const kernels = { relaxed: 'WebAssembly, relaxed SIMD', simd: 'WebAssembly, SIMD', plain: 'plain JavaScript' };
  say(
    `${file.name}: ${opened.classes.length} classes, pictures of ${width}×${height}; kernels: ${kernels[opened.kernels]}`,
  );
}

async function addPicture(file) {
  if (!network) throw new Error(`${file.name}: open a network first`);
  const [height, width] = network.inputShape;
  const picture = await pixelsOf(file);
  const bytes = scaled(picture, regionOf(picture, height, width, element('crops').checked), height, width);
  const start = performance.now();
  const classes = network.classify(bytes);
  const ms = performance.now() - start;
  element('results').prepend(cardOf(file.name, bytes, classes, network.logits(bytes), ms));
}

async function pixelsOf(file) {
  const options = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' };
  const bitmap = await createImageBitmap(file, options).catch(() => {
    throw new Error(`${file.name}: is neither a network nor a picture that this browser opens`);
  });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true });
  canvas.drawImage(bitmap, 0, 0);
  return canvas.getImageData(0, 0, bitmap.width, bitmap.height);
}

/** A card with the network's input and its prediction. */
function cardOf(name, bytes, classes, logits, ms) {
  const [height, width] = network.inputShape;
  const card = Object.assign(document.createElement('li'), { className: 'card' });
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([...bytes.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  canvas.getContext('2d').putImageData(image, 0, 0);
  const title = Object.assign(document.createElement('h2'), { textContent: `${name}, ${ms.toFixed(1)} ms` });
  const list = Object.assign(document.createElement('ol'), { className: 'classes' });
  for (const { name, probability } of classes.slice(0, likeliest)) {
    const line = document.createElement('li');
    const share = `${(100 * probability).toFixed(1)}\u00a0%`;
    line.style.setProperty('--share', `${(100 * probability).toFixed(1)}%`);
    line.append(Object.assign(document.createElement('span'), { textContent: name }), share);
    list.append(line);
  }
  const whole = document.createElement('details');
  const summary = Object.assign(document.createElement('summary'), { textContent: 'logits, whole numbers' });
  whole.append(summary, Object.assign(document.createElement('p'), { textContent: [...logits].join(' ') }));
  const answer = document.createElement('div');
  answer.append(title, list, whole);
  card.append(canvas, answer);
  return card;
}

/** Networks first, so that network and pictures can be dropped together. */
async function take(files) {
  const isNetwork = (file) => file.name.endsWith('.safetensors');
  try {
    for (const file of files.filter(isNetwork)) await openNetwork(file);
    for (const file of files.filter((each) => !isNetwork(each))) await addPicture(file);
  } catch (error) {
    say(error.message, true);
  }
}

for (const id of ['network', 'pictures']) {
  element(id).addEventListener('change', async ({ target }) => {
    await take([...target.files]);
    target.value = '';
  });
}
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('over');
});
document.addEventListener('dragleave', () => document.body.classList.remove('over'));
document.addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('over');
  take([...event.dataTransfer.files]);
});
