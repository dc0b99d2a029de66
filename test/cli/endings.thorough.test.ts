/**
 * The end by every signal, kills in the middle of a write of a run with Adam, and Ctrl-C of further kinds of runs. Each run of
 * the suite has two signals of the list that all of them are in, kills of a run with a guaranteed budget, and Ctrl-C of three.
 */

import './endings.test.js';
import './interruption.test.js';
