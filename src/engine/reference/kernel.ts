/** The type of a kernel: computes one node, reading and writing through the memory. */

import type { Node } from '../../graph/graph.js';
import type { OpName } from '../../ops/attributes.js';
import type { Memory } from './memory.js';

export type Kernel<K extends OpName> = (node: Node<K>, memory: Memory) => void;
