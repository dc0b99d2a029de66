/** Costs of an exported network by layer (bytes, multiplications, bits), and its proofs. */

import {
  convolves,
  type IntegerLayer,
  type IntegerNetwork,
  isLast,
  multiplicationsOf,
  weightsOfLayer,
} from '../ship/integerNetwork.js';
import { constantBytes, weightBytesOf } from '../ship/packedFile.js';

export interface ExportedLayer {
  readonly name: string;
  readonly op: IntegerLayer['op'];
  /** Bits of the weights; null without any. */
  readonly weightBits: number | null;
  /** Bits of the output in memory. */
  readonly activationBits: number | null;
  readonly weightBytes: number;
  /** Multipliers, biases, shifts and tables. */
  readonly constantBytes: number;
  /** Multiplications for one image. */
  readonly macs: number;
  /** True if its integers equal the float64 reference at every reachable accumulator; null if nothing is rounded. */
  readonly proven: boolean | null;
  /** The reason if not, or the extent of the proof. */
  readonly reason: string;
  /** Accumulators, over all channels, and integers of the shortcut that the proof covers; 0 without one. */
  readonly accumulators: number;
  readonly codes: number;
}

/** The layers that have weights or compute, in order. */
export function exportedLayers({ layers }: IntegerNetwork): ExportedLayer[] {
  return layers.flatMap((layer) => (layer.op === 'input' || layer.op === 'subsample' ? [] : [exportedLayer(layer)]));
}

function exportedLayer(layer: Exclude<IntegerLayer, { op: 'input' | 'subsample' }>): ExportedLayer {
  const weights = weightsOfLayer(layer);
  return {
    name: layer.name,
    op: layer.op,
    weightBits: weightBytesOf(layer) > 0 ? weights[0]!.bits : null,
    activationBits: isLast(layer) ? null : layer.output.bits,
    weightBytes: weightBytesOf(layer),
    constantBytes: constantBytes(layer),
    macs: multiplicationsOf(layer),
    ...proofOf(layer),
  };
}

function proofOf(layer: IntegerLayer): Pick<ExportedLayer, 'proven' | 'reason' | 'accumulators' | 'codes'> {
  const proof = convolves(layer) ? layer.proof : ({ type: 'exact' } as const);
  if (proof.type === 'exact')
    return { proven: null, reason: 'whole numbers, nothing is rounded', accumulators: 0, codes: 0 };
  if (proof.type === 'definition') {
    return { proven: false, reason: `by definition: ${proof.reason}`, accumulators: 0, codes: 0 };
  }
  const { accumulators, addends } = proof;
  const codes = addends > 1 ? ` × ${addends} shortcut codes` : '';
  return { proven: true, reason: `proven for all ${accumulators} accumulators${codes}`, accumulators, codes: addends };
}
