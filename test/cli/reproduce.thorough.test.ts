/** A table whose runs are killed at every kind of write. The suite kills single runs, and ends tables by Ctrl-C. */

import './reproduce.test.js';
