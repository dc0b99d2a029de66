/**
 * The kernels of large networks and batches, too, whose plans take seconds to build. Each run of the suite has ResNet-20
 * in five ways and MobileNetV2 in one, of which every kernel is; what is left are sizes that a device would refuse.
 */

import './kernels.test.js';
