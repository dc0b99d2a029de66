/**
 * Training on WebGPU in a page, whose software adapter compiles for a quarter of a minute, and further forms of models in
 * onnxruntime-web. The suite trains on WebGPU in Node, and on the CPU in a page.
 */

import './library.test.js';
import './onnxWeb.test.js';
