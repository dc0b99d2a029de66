import { describe, expect, it } from 'vitest';
import { waitsOf } from '../../../test/engine/waits.js';
import { createRandom } from '../../data/random.js';
import { arePartsApart, checkParts, inOrderOfFewWaits } from './dispatchOrder.js';
import type { BufferAccess, BufferPlan } from './kernel.js';
import type { LoweredCall } from './lowering.js';

const memory = (label: string): BufferPlan => ({ label, bytes: 64 });

function lowered(label: string, accesses: readonly BufferAccess[]): LoweredCall {
  const bindings = accesses.map(({ buffer, writes }) => ({ buffer, writes, elementBytes: 4 }));
  return {
    nodes: [],
    call: { label, code: '', bindings, accesses, parameters: [], parameterStride: 0, words: [], workgroups: [1, 1, 1] },
  };
}

const whole = (buffer: BufferPlan, writes: boolean) => ({ buffer, begin: 0, end: 64, writes });
const step = (label: string, reads: readonly BufferPlan[], writes: BufferPlan) =>
  lowered(label, [...reads.map((buffer) => whole(buffer, false)), whole(writes, true)]);
const labels = (calls: readonly LoweredCall[]) => calls.map(({ call }) => call.label);

describe('the order of dispatches', () => {
  it('has sums that nothing waits for beside what the next layer waits for', () => {
    const [dy, dx, partials, sums, gradient] = ['dy', 'dx', 'partials', 'sums', 'gradient'].map(memory);
    const calls = [
      step('weights', [dy!], partials!),
      step('weight sums', [partials!], sums!),
      step('weight gradient', [sums!], gradient!),
      step('images', [dy!], dx!),
      step('next layer', [dx!], memory('next')),
    ];
    const ordered = inOrderOfFewWaits(calls);
    expect(labels(ordered)).toEqual(['weights', 'images', 'weight sums', 'next layer', 'weight gradient']);
    const waits = (some: readonly LoweredCall[]) => waitsOf(some.map(({ call }) => call));
    expect([waits(calls), waits(ordered)]).toEqual([3, 2]);
  });

  it('tells elements of a storage apart, but waits where one of them is written', () => {
    const storage = memory('storage');
    const write = (begin: number) => lowered(`${begin}`, [{ buffer: storage, begin, end: begin + 4, writes: true }]);
    const read = lowered('read', [{ buffer: storage, begin: 4, end: 8, writes: false }]);
    const ordered = inOrderOfFewWaits([write(0), write(4), read]);
    expect(labels(ordered)).toEqual(['4', '0', 'read']);
    expect(waitsOf(ordered.map(({ call }) => call))).toBe(2);
  });

  it('never lets a dispatch pass another that touches its memory, in parts of buffers too', () => {
    const random = createRandom(313);
    const buffers = [memory('a'), memory('b')];
    const calls = Array.from({ length: 60 }, (_, index) =>
      lowered(
        `${index}`,
        buffers.map((buffer) => {
          const part = { label: 'part', bytes: 16, within: { buffer, byteOffset: 8 * random.below(7) } };
          return { buffer: part, begin: 0, end: 4, writes: random.below(3) === 0 };
        }),
      ),
    );
    const order = labels(inOrderOfFewWaits(calls)).map(Number);
    expect([...order].sort((a, b) => a - b)).toEqual(calls.map((_, index) => index));
    expect(order).not.toEqual(calls.map((_, index) => index));
    const touch = (a: BufferAccess, b: BufferAccess) =>
      (a.writes || b.writes) &&
      a.buffer.within!.buffer === b.buffer.within!.buffer &&
      Math.abs(a.buffer.within!.byteOffset - b.buffer.within!.byteOffset) < 16;
    order.forEach((later, place) => {
      for (const earlier of order.slice(0, place)) {
        if (earlier < later) continue;
        for (const a of calls[earlier]!.call.accesses)
          for (const b of calls[later]!.call.accesses) expect(touch(a, b), `${earlier} before ${later}`).toBe(false);
      }
    });
  });
});

describe('the check of parts', () => {
  const buffer = memory('scratch');
  const part = (byteOffset: number) => ({ label: buffer.label, bytes: 32, within: { buffer, byteOffset } });
  const checked = (...calls: readonly (readonly [label: string, part: BufferPlan, writes: boolean])[]) =>
    checkParts(calls.map(([label, at, writes]) => lowered(label, [whole(at, writes)]).call));

  it('lets calls read what was written for them', () => {
    const [a, b] = [part(0), part(32)];
    checked(['write', a, true], ['write', b, true], ['read', a, false], ['write', a, true], ['read', b, false]);
  });

  it.each([
    ['over which another was written', [part(0), part(16)]],
    ['that none has written', [part(0)]],
  ] as const)('speaks of a part %s', (_, written) => {
    const calls = written.map((at) => ['write', at, true] as const);
    const read = written.length > 1 ? written[0] : part(0);
    expect(() => checked(...calls, ['sums', read, false])).toThrow('sums reads a part of scratch');
  });
});

it('calls become one dispatch only if no part is written whose buffer has another part in it', () => {
  const buffer = memory('transients');
  const part = (byteOffset: number) => ({ label: buffer.label, bytes: 32, within: { buffer, byteOffset } });
  const [a, b] = [part(0), part(32)];
  const mayJoin = (...parts: readonly (readonly [part: BufferPlan, writes: boolean])[]) => {
    const [first, second] = parts.map(([at, writes]) => lowered('call', [whole(at, writes)]).call);
    return arePartsApart(first!, second!);
  };
  expect(mayJoin([a, false], [b, false])).toBe(true);
  expect(mayJoin([a, true], [a, false])).toBe(true);
  expect(mayJoin([a, true], [memory('other'), false])).toBe(true);
  expect(mayJoin([a, true], [b, false])).toBe(false);
  expect(mayJoin([a, true], [b, true])).toBe(false);
});
