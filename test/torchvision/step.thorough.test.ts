/**
 * ResNet-18 against torchvision's own, for which float64 takes five seconds. Every run of the suite has MobileNetV2 in its
 * place, and holds ResNet-18's layers, shapes and counts against those of torchvision (`test/golden/resnet18.json`); what
 * is left is its order of additions and norms, which ResNet-20's golden steps have as well.
 */

import { it } from 'vitest';
import { expectTorchvisionsNumbers } from './steps.js';

it('takes the same step as torchvision', () => expectTorchvisionsNumbers('resnet18'));
