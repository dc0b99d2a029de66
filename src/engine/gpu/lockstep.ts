/**
 * Networks that compute together. When all of them have asked for a phase, one phase is submitted, once for neighbours that
 * ask for it: the last one, as long as anyone asks for it. So a network that is ahead, as one may be that was resumed,
 * waits at the end of its epoch for the others, and from then on all of them train and evaluate at the same time.
 *
 * A network that writes files or waits for images lets the others wait for what it asks next, or until it leaves: it
 * depends on none of them, so there is always one that goes on.
 */

export interface Lockstep {
  /** Runs a phase of a network, together with the others; resolves when the device accepts more work. */
  run(network: number, phase: string): Promise<void>;
  /** Submits what a network has asked for, without the others: whatever it does next comes behind that. */
  settle(network: number): void;
  /** Lets the others go on without the network. Returns true if there are none. */
  leave(network: number): boolean;
}

interface Asked {
  readonly phase: string;
  readonly answer: (submitted: Promise<void>) => void;
}

/** Submits a phase for `count` networks from `first` on, one by default; resolves when the device accepts more work. */
export type Submit = (phase: string, first: number, count?: number) => Promise<void>;

export function lockstep(count: number, submit: Submit): Lockstep {
  const present = new Set(Array.from({ length: count }, (_, network) => network));
  const asked = new Map<number, Asked>();
  const submitFor = (first: number, count: number): void => {
    const submitted = submit(asked.get(first)!.phase, first, count);
    for (let network = first; network < first + count; network++) {
      asked.get(network)!.answer(submitted);
      asked.delete(network);
    }
  };
  let last: string | undefined;
  const submitIfAllHaveAsked = (): void => {
    if (asked.size < present.size) return;
    const networks = [...asked.keys()].sort((a, b) => a - b);
    const phases = networks.map((network) => asked.get(network)!.phase);
    const next = phases.find((phase) => phase === last) ?? phases[0];
    last = next;
    for (const first of networks) {
      // Others ask for something else, or have been submitted together with the one before.
      if (asked.get(first)?.phase !== next) continue;
      let end = first + 1;
      while (asked.get(end)?.phase === next) end++;
      submitFor(first, end - first);
    }
  };
  return {
    run: (network, phase) =>
      new Promise((answer) => {
        asked.set(network, { phase, answer });
        submitIfAllHaveAsked();
      }),
    settle: (network) => {
      if (asked.has(network)) submitFor(network, 1);
    },
    leave: (network) => {
      present.delete(network);
      submitIfAllHaveAsked();
      return present.size === 0;
    },
  };
}
