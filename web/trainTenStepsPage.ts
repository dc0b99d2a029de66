/** The page: trains on this browser's GPU and shows the losses; `?software` lets a software adapter do too. */

import { createGpuEngine } from '../src/engine/gpu/index.js';
import { trainTenSteps } from './trainTenSteps.js';

const device = document.querySelector('#device')!;
const losses = document.querySelector('#losses')!;

try {
  const engine = await createGpuEngine({ allowSoftware: new URLSearchParams(location.search).has('software') });
  device.textContent = engine.description;
  for (const loss of await trainTenSteps(engine)) {
    losses.append(Object.assign(document.createElement('li'), { textContent: String(loss) }));
  }
  document.body.dataset.outcome = 'trained';
} catch (error) {
  device.textContent = String(error);
  document.body.dataset.outcome = 'failed';
}
