import { expect, it } from 'vitest';
import { MissingPackage } from '../errors.js';
import { loadOptional } from './optionalPackage.js';

it('hands on a package, and misses one in a line that says how to get it', async () => {
  expect(await loadOptional('here', 'x needs it', async () => 3)).toBe(3);
  const missing = loadOptional('not-here', 'x needs it', () => import('not-here' as string));
  await expect(missing).rejects.toThrow(MissingPackage);
  await expect(missing).rejects.toThrow(
    'the optional package not-here is not installed: x needs it; get it with: npm install not-here',
  );
  await expect(loadOptional('broken', 'x', () => Promise.reject(new TypeError('broken')))).rejects.toThrow(TypeError);
});
