/**
 * MobileNetV2 with every pair of quantizers that is published. Each run of the suite has two of them, and ResNet-20 with
 * all: a kind does not know what network it is in, so that what is left are faults of one kind beside one layer.
 */

import './everyExperiment.test.js';
