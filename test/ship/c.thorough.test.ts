/** C of every network that ships, under sanitizers. The suite has one of each kind of layer's end. */

import './c.test.js';
