import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { interruptible } from './interruptible.js';

describe('a second signal', () => {
  const display = { stop: vi.fn() };
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as never);
  const now = vi.spyOn(performance, 'now');
  beforeEach(() => void exit.mockClear());
  afterEach(() => now.mockRestore());

  const signalsAt = (...times: number[]) =>
    interruptible(display, async (signal, onTraining) => {
      onTraining();
      for (const time of times) {
        now.mockReturnValue(time);
        process.emit('SIGTERM', 'SIGTERM');
      }
      return signal.aborted;
    });

  it('ends a run at once, the first one asks it to end', async () => {
    expect(await signalsAt(1000)).toBe(true);
    expect(exit).not.toHaveBeenCalled();
    await signalsAt(1000, 1600);
    expect(exit).toHaveBeenCalledExactlyOnceWith(130);
  });

  it('is none where one Ctrl-C arrives twice', async () => {
    await signalsAt(1000, 1003);
    expect(exit).not.toHaveBeenCalled();
  });

  it('is not needed before training', async () => {
    await interruptible(display, async () => process.emit('SIGUSR2', 'SIGUSR2'));
    expect(exit).toHaveBeenCalledExactlyOnceWith(130);
    expect(process.listenerCount('SIGUSR2')).toBe(0);
  });
});
