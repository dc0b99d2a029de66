/** `mpdnn devices`: the engines found here and which of them `auto` takes. */

import { Command } from 'commander';
import { selectEngine } from '../engine/selectEngine.js';

export function devicesCommand(): Command {
  return new Command('devices').description('engines found here').action(async () => {
    for (const device of ['cpu', 'gpu', 'reference'] as const) {
      const line = await describe(device);
      process.stdout.write(`${device.padEnd(10)} ${line}\n`);
    }
  });
}

async function describe(device: 'cpu' | 'gpu' | 'reference'): Promise<string> {
  try {
    const engine = await selectEngine(device);
    try {
      return engine.description;
    } finally {
      await engine.dispose();
    }
  } catch (error) {
    return `not usable: ${(error as Error).message}`;
  }
}
