/** Downloads: the files of both networks, and the one with learned bits in forms for devices. */

import { downloadZip } from 'client-zip';
import { exportNetwork } from '../src/library/exportNetwork.js';
import type { DownloadFile, DownloadKind } from './protocol.js';
import { parametersOf, type TrainingState } from './training.js';

/**
 * The file of a kind.
 *
 * @throws Error if there is nothing yet, InputError if the network cannot run in integers
 */
export async function downloadOf(kind: DownloadKind, state: TrainingState): Promise<DownloadFile> {
  const { float, learned } = parametersOf(state);
  const parameters = kind === 'float' ? float : learned;
  if (!parameters) throw new Error('nothing has been trained yet');
  switch (kind) {
    case 'float':
      return { name: 'float.safetensors', bytes: parameters };
    case 'learned':
      return { name: 'params.safetensors', bytes: parameters };
    case 'packed':
      return { name: 'net.safetensors', bytes: exportNetwork(parameters).packed };
    case 'c': {
      const files = [...exportNetwork(parameters).c].map(([name, input]) => ({ name: `c/${name}`, input }));
      return { name: 'c.zip', bytes: new Uint8Array(await downloadZip(files).arrayBuffer()) };
    }
    default:
      throw new Error(`no such file: ${kind satisfies never}`);
  }
}
