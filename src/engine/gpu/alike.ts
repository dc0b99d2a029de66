/** Plans that several networks can compute together: those whose kernels differ in their parameters only. */

import type { Plan } from '../../graph/plan.js';
import { boundBuffers, type KernelCall, type MatrixUnits } from './kernel.js';
import { lowerPhase } from './lowering.js';
import { placePlan } from './placement.js';
import { schedulePlan } from './schedule.js';

/** Networks that can compute together, by their places in a list of plans. */
type Alike = readonly [number, ...number[]];

/** The plans, with one object for those that are equal, as those of seeds are: what is made of a plan is made once. */
export function withoutCopies(plans: readonly Plan[]): readonly Plan[] {
  const first = new Map<string, Plan>();
  return plans.map((plan) => {
    const text = JSON.stringify(plan);
    const known = first.get(text) ?? plan;
    first.set(text, known);
    return known;
  });
}

/**
 * The networks of these plans in groups that can compute together, in the order of their first ones.
 *
 * @param mostBuffers storages that a kernel may bind: with parameters of each network it needs one more
 */
export function alikePlans(
  plans: readonly Plan[],
  { matrixUnits, mostBuffers }: { readonly matrixUnits: MatrixUnits | null; readonly mostBuffers: number },
): readonly Alike[] {
  const equal = [...grouped(plans.map((plan) => JSON.stringify(plan))).values()];
  if (equal.length === 1) return equal;
  const kernels = equal.map(([first]) => kernelsOf(plans[first]!, matrixUnits, mostBuffers));
  return [...grouped(kernels).values()].map(
    (alike) => alike.flatMap((index) => [...equal[index]!]) as [number, ...number[]],
  );
}

/** The places of each text in a list. */
function grouped(texts: readonly string[]): Map<string, [number, ...number[]]> {
  const places = new Map<string, [number, ...number[]]>();
  for (const [place, text] of texts.entries()) {
    const known = places.get(text);
    if (known) known.push(place);
    else places.set(text, [place]);
  }
  return places;
}

/** All that has to be equal in the kernels of plans, as text. */
function kernelsOf(given: Plan, matrixUnits: MatrixUnits | null, mostBuffers: number): string {
  const plan = schedulePlan(given);
  const placement = placePlan(plan, { matrixUnits, mostBuffers });
  const phases = Object.entries(plan.phases).map(([phase, nodes]) => [
    phase,
    lowerPhase(nodes, placement.forPhase(phase)).map(({ call }) => fixedIn(call, mostBuffers)),
  ]);
  return JSON.stringify([plan.storages, phases]);
}

function fixedIn(call: KernelCall, mostBuffers: number) {
  const { code, bindings, accesses, words, workgroups, parameters } = call;
  const hasRoom = boundBuffers(call) < mostBuffers;
  return [code, bindings, accesses, words, workgroups, hasRoom ? parameters.length : parameters];
}
