/** The tables that can be reproduced. */

import type { Table } from '../table.js';
import { cifar10 } from './cifar10.js';
import { imagenet } from './imagenet.js';
import { parametrizations } from './parametrizations.js';
import { sections } from './sections.js';

export const tables: readonly Table[] = [parametrizations, cifar10, imagenet, sections];
