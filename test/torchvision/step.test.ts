/** MobileNetV2 against torchvision's own. */

import { it } from 'vitest';
import { expectTorchvisionsNumbers } from './steps.js';

it('takes the same step as torchvision', () => expectTorchvisionsNumbers('mobilenetv2'));
