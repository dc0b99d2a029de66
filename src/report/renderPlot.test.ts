import { expect, it, vi } from 'vitest';

it('loads Vega at the first plot and not before', async () => {
  let loaded = false;
  vi.doMock('vega', async (importOriginal) => {
    loaded = true;
    return importOriginal();
  });
  await import('./index.js');
  expect(loaded).toBe(false);
  const { renderSvg } = await import('./renderPlot.js');
  const svg = await renderSvg({ data: { values: [{ x: 1 }] }, mark: 'point', encoding: { x: { field: 'x' } } });
  expect(svg).toContain('<svg');
  expect(loaded).toBe(true);
});
