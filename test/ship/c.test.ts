/** C99 of the integer network, compiled with sanitizers and run: every stored activation and every logit. */

import { describe, expect, it } from 'vitest';
import { packIntegers } from '../../src/ship/bitStream.js';
import { cFiles } from '../../src/ship/c/files.js';
import type { IntegerNetwork } from '../../src/ship/integerNetwork.js';
import { runIntegers } from '../../src/ship/interpreter.js';
import { lowerNetwork } from '../../src/ship/lowering.js';
import { folderOf, run, warnings } from './cProgram.js';
import { randomNetwork } from './randomNetwork.js';
import { shippableImages, shippableProgram, shippables } from './shippable.js';

const sanitized = ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const traceSource = `\
#include <inttypes.h>
#include <stdio.h>

void trace(int32_t layer, const uint8_t *tensor, uint32_t bytes);

void trace(int32_t layer, const uint8_t *tensor, uint32_t bytes)
{
  printf("layer %" PRId32 " ", layer);
  for (uint32_t i = 0; i < bytes; i++) printf("%02x", (unsigned)tensor[i]);
  printf("\\n");
}
`;

function shipped(name: keyof typeof shippables, count: number): { network: IntegerNetwork; images: Uint8Array[] } {
  const shippable = shippables[name]!;
  const { images } = shippableImages(count, shippable.side);
  const bytes = shippable.side ** 2 * 3;
  return {
    network: lowerNetwork(shippableProgram(shippable), []).network,
    images: Array.from({ length: count }, (_, n) => images.slice(n * bytes, (n + 1) * bytes)),
  };
}

/** What the program has to write: each stored tensor of each image. */
function expectedTrace(network: IntegerNetwork, images: readonly Uint8Array[]): string[] {
  return images.flatMap((image) => {
    const lines: string[] = [];
    runIntegers(network, image, (tensor, values) => {
      const { layers } = network;
      const index = layers.findIndex((layer) => layer.op !== 'classifier' && layer.output === tensor);
      if (layers[index]!.op === 'input' || layers[index]!.op === 'subsample') return;
      lines.push(`layer ${index} ${Buffer.from(packIntegers(values, tensor.grid, tensor.bits)).toString('hex')}`);
    });
    return lines;
  });
}

describe.each([
  ...Object.keys(shippables).map((name) => [name, () => shipped(name, name === 'ResNet-18' ? 1 : 3)] as const),
  ...Array.from({ length: 8 }, (_, seed) => [`random network ${seed}`, () => randomNetwork(seed)] as const),
])('%s', (_, make) => {
  it('has the interpreter’s activations and logits, and nothing undefined', () => {
    const { network, images } = make();
    const folder = folderOf(new Map([...cFiles(network, { name: 'net', images }), ['trace.c', traceSource]]));
    run(folder, 'gcc', ...warnings, ...sanitized, '-DNET_TRACE=trace', '-o', 'traced', 'net.c', 'test.c', 'trace.c');
    const lines = run(folder, './traced').trim().split('\n');
    expect(lines.at(-1)).toBe(`${images.length} images, 0 logits differ`);
    const own = lines.filter((line) => line.startsWith('layer'));
    expect(own).toEqual(expectedTrace(network, images));
  });
});
