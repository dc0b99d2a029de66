/** A report on which tensors of a file a network starts from. */

import { InputError } from '../errors.js';
import { nearestName } from '../nearestName.js';
import type { Variables } from '../nn/index.js';
import { parameterNames } from '../quant/index.js';
import type { LoadedWeights } from './loadedWeights.js';

/** The use of a file's tensors by a network. */
export interface LoadReport {
  /** The network's tensors that the file has. */
  readonly matched: readonly string[];
  /** Parameters and running moments that the file lacks; missing quantizers start from data. */
  readonly missing: readonly string[];
  /** The file's tensors that the network does not have. */
  readonly unused: readonly string[];
}

/**
 * Reports which tensors of `starting` the network uses.
 *
 * @throws InputError if none is a parameter of the network: the file then belongs to another one
 */
export function loadReport(variables: Variables, starting: LoadedWeights): LoadReport {
  const own = [...variables.parameters, ...variables.running].map(({ name }) => name);
  const quantizers = variables.quantizers.flatMap(({ name, kind }) =>
    parameterNames(kind).map((parameter) => `${name}/${kind}/${parameter}`),
  );
  const ofQuantizers = new Set(variables.parameters.flatMap(({ name, group }) => (group === 'exponent' ? [name] : [])));
  const given = new Set(starting.names.filter((name) => !variables.startsAfresh(name)));
  const used = new Set([...own, ...quantizers].filter((name) => given.has(name)));
  if (!variables.parameters.some(({ name }) => used.has(name))) throw anotherNetwork(variables, starting);
  return {
    matched: [...used],
    missing: own.filter((name) => !given.has(name) && !ofQuantizers.has(name)),
    unused: starting.names.filter((name) => !used.has(name)),
  };
}

/** The report in one line, with the names of fresh and unused tensors. `classes`: those of the network. */
export function startLine(variables: Variables, starting: LoadedWeights, classes: readonly string[]): string {
  const { matched, missing, unused } = loadReport(variables, starting);
  const head = missing.some((name) => variables.startsAfresh(name))
    ? '; its last layer is of other classes'
    : renamed(starting.classes, classes);
  const near = (name: string) => {
    const other = variables.startsAfresh(name) ? undefined : nearestName(name, unused);
    return other === undefined ? name : `${name}, for which it may have ${other}`;
  };
  const fresh = `${missing.length} fresh${inBrackets(missing, near)}`;
  return (
    `starts from ${starting.source}: ${matched.length} tensors taken, ${fresh}, ` +
    `${unused.length} unused${inBrackets(unused)}${head}`
  );
}

/** The first six names in brackets, each formatted by `shown`; empty for none. */
function inBrackets(names: readonly string[], shown = (name: string) => name): string {
  if (names.length === 0) return '';
  const more = names.length > 6 ? ` and ${names.length - 6} more` : '';
  return ` (${names.slice(0, 6).map(shown).join(', ')}${more})`;
}

/**
 * A remark if the same number of classes has other names or another order, which gives the last layer another meaning.
 */
function renamed(theirs: readonly string[] | undefined, ours: readonly string[]): string {
  const label = theirs?.findIndex((name, index) => name !== ours[index]) ?? -1;
  return label < 0
    ? ''
    : `; its classes are others, class ${label} is '${theirs![label]}' there and '${ours[label]}' here`;
}

function anotherNetwork(variables: Variables, { source, names }: LoadedWeights): InputError {
  const theirs = names.length > 0 ? `its first names are ${firstOf(names)}` : 'it holds no floating-point tensor';
  const own = variables.parameters.map(({ name }) => name);
  const near = nearestName(own[0] ?? '', names);
  return new InputError(
    `${source}: holds parameters of another network: ${theirs}; this network has ${firstOf(own)}` +
      (near === undefined ? '' : ` (nearest to ${own[0]} is ${near})`),
  );
}

function firstOf(names: readonly string[]): string {
  return names.slice(0, 3).join(', ') + (names.length > 3 ? ', …' : '');
}
