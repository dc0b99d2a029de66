/**
 * A decoder process: takes jobs from its parent, answers with frames on a pipe of its own (see `decoders.ts`). Plain
 * JavaScript, so that it runs from the sources and from `dist`.
 */
import { Socket } from 'node:net';
import sharp from 'sharp';
import { decodeImage, measureImage } from './decodeImage.js';

const atOnce = Number(process.argv[2]);
// Standard output would do, but writing to it waits for the parent, which may be in the middle of a long step.
const answers = new Socket({ fd: 3, readable: false, writable: true });
// The parent was killed in the middle of an answer.
answers.on('error', () => process.exit());

// One thread an image: several images are under way instead. Nothing is decoded twice, so nothing is remembered.
sharp.concurrency(1);
sharp.cache(false);

/** @type {{ id: number, file: string, framing?: import('../imageStream.js').Framing }[]} */
let waiting = [];
let begun = 0;
let running = 0;

process.on('message', (jobs) => {
  waiting = [...waiting.slice(begun), .../** @type {typeof waiting} */ (jobs)];
  begun = 0;
  startJobs();
});
// Ctrl-C reaches the whole group of processes; it is the parent that decides when the run ends.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
process.on('disconnect', () => process.exit());

function startJobs() {
  while (running < atOnce && begun < waiting.length) {
    running++;
    run(waiting[begun++]).then(() => {
      running--;
      startJobs();
    });
  }
}

async function run({ id, file, framing }) {
  try {
    if (framing) {
      const { data, width, height } = await decodeImage(file, framing);
      answer(id, width, height, data);
    } else {
      const { width, height } = await measureImage(file);
      answer(id, width, height, new Uint8Array());
    }
  } catch (error) {
    answer(id, 0, 0, Buffer.from(error.message.split('\n')[0]));
  }
}

/** A frame: four uint32 (little-endian: job, width, height, length) and so many bytes; width 0 marks a fault in words. */
function answer(id, width, height, bytes) {
  const header = Buffer.alloc(16);
  [id, width, height, bytes.length].forEach((word, position) => {
    header.writeUInt32LE(word, 4 * position);
  });
  answers.write(header);
  if (bytes.length > 0) answers.write(bytes);
}
