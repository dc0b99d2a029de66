import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { cpuQuota, usableCores } from './nodePlatform.js';

describe('the cores that a process may keep busy', () => {
  const cores = availableParallelism();

  it('are those of the machine where nothing limits them', () => {
    expect(usableCores({}, null)).toBe(cores);
    expect(usableCores({ SLURM_CPUS_PER_TASK: 'many' }, cores + 7)).toBe(cores);
    expect(usableCores({ SLURM_CPUS_PER_TASK: String(cores + 7) }, null)).toBe(cores);
  });

  it('are no more than a Slurm job was given, nor than whole cores of the quota', () => {
    expect(usableCores({ SLURM_CPUS_PER_TASK: '1' }, null)).toBe(1);
    expect(usableCores({}, 1.9)).toBe(1);
  });
});

describe('the quota of a control group', () => {
  const quotaOf = (files: Readonly<Record<string, string>>) => cpuQuota((path) => files[path] ?? null);

  it('is the smallest of it and of those above it, one core at least', () => {
    const files = {
      '/proc/self/cgroup': '0::/jobs/one\n',
      '/sys/fs/cgroup/jobs/cpu.max': '250000 100000\n',
      '/sys/fs/cgroup/jobs/one/cpu.max': '800000 100000\n',
    };
    expect(quotaOf(files)).toBe(2.5);
    expect(quotaOf({ ...files, '/sys/fs/cgroup/jobs/one/cpu.max': '50000 100000\n' })).toBe(1);
    expect(quotaOf({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '150000 100000\n' })).toBe(1.5);
  });

  it('is none where there is no limit, or no such group', () => {
    expect(quotaOf({ '/proc/self/cgroup': '0::/a\n', '/sys/fs/cgroup/a/cpu.max': 'max 100000\n' })).toBeNull();
    expect(quotaOf({ '/proc/self/cgroup': '4:cpu:/a\n' })).toBeNull();
    expect(quotaOf({})).toBeNull();
  });
});
