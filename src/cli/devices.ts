/** `mpdnn devices`: the engines found here, one a line, and which of them `auto` takes. */

import { Command } from 'commander';
import { mayHaveAdapter } from '../engine/gpu/nodeGpu.js';
import { selectEngine } from '../engine/selectEngine.js';

interface DeviceEntry {
  readonly device: 'cpu' | 'gpu' | 'reference';
  readonly description: string;
  /** Optional features of a GPU that the engine uses. */
  readonly features: readonly string[];
  readonly isUsable: boolean;
  /** True where `--device auto` takes it. */
  readonly isAuto: boolean;
}

export function devicesCommand(): Command {
  return new Command('devices')
    .description('engines and GPUs found on this machine')
    .option('--json', 'one JSON array on stdout')
    .action(async ({ json = false }: { json?: boolean }) => {
      const entries = await listDevices();
      const text = json ? JSON.stringify(entries, null, 2) : entries.map(lineOf).join('\n');
      process.stdout.write(`${text}\n`);
    });
}

async function listDevices(): Promise<DeviceEntry[]> {
  const found = [await engineEntry('cpu'), ...(await gpuEntries()), await engineEntry('reference')];
  const gpu = found.findIndex(({ device, isUsable, isSoftware }) => device === 'gpu' && isUsable && !isSoftware);
  // The CPU is the first entry, and the choice where there is no real GPU.
  const automatic = Math.max(0, gpu);
  return found.map(({ isSoftware, ...entry }, index) => ({ ...entry, isAuto: index === automatic }));
}

interface FoundDevice extends Omit<DeviceEntry, 'isAuto'> {
  readonly isSoftware: boolean;
}

async function engineEntry(device: 'cpu' | 'gpu' | 'reference'): Promise<FoundDevice> {
  const plain = { device, features: [], isSoftware: false };
  try {
    const engine = await selectEngine(device);
    await engine.dispose();
    return { ...plain, description: engine.description, isUsable: true };
  } catch (error) {
    return { ...plain, description: `not usable: ${(error as Error).message}`, isUsable: false };
  }
}

/** Entries of all adapters. The first is the one that the engine opens, which describes it. */
async function gpuEntries(): Promise<FoundDevice[]> {
  if (!mayHaveAdapter()) {
    const description = 'not usable: no GPU found: no device file of one in /dev, and no driver of Vulkan';
    return [{ device: 'gpu', features: [], isSoftware: false, description, isUsable: false }];
  }
  const engine = await engineEntry('gpu');
  if (!engine.isUsable) return [engine];
  const { listAdapters } = await import('../engine/gpu/index.js');
  const adapters = await listAdapters();
  return adapters.map(({ name, features, isSoftware }, index) => {
    if (index === 0) return { ...engine, features, isSoftware };
    return { device: 'gpu', description: `not used: ${name}`, features, isUsable: false, isSoftware };
  });
}

function lineOf({ device, description, features, isAuto }: DeviceEntry): string {
  const notes = [description, ...(features.length ? [`features: ${features.join(' ')}`] : [])];
  return `${device.padEnd(10)} ${notes.join('; ')}${isAuto ? ' (auto)' : ''}`;
}
