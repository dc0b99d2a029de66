/** The page's source of runs: a server that sends events, or runs stored in the page. */

import type { FaultyRun, RunOverview, StoredRun, TensorView } from '../messages.js';

export interface Listener {
  runs(overviews: readonly (RunOverview | FaultyRun)[]): void;
  lines(run: string, lines: readonly string[]): void;
  /** Discards the lines of a run: it was resumed from a checkpoint. */
  anew(run: string): void;
  fault(run: string, message: string): void;
  /** Problems of the connection in words; empty for none. */
  connection(words: string): void;
}

export interface Source {
  /** Requests the lines of these runs only. */
  show(runs: readonly string[]): void;
  /** @throws Error with the reason if there is none */
  tensor(run: string, name: string): Promise<TensorView>;
}

const ENDED = 'The server has ended. Start mpdnn watch again and open the address that it prints.';
const LOST = 'The connection is lost; trying again …';

export function serverSource(listener: Listener): Source {
  let events: EventSource | null = null;
  /** The id of the last event: how far each run has been sent. */
  let told = '';
  const open = (runs: readonly string[]): void => {
    events?.close();
    const query = new URLSearchParams([...runs.map((run) => ['run', run]), ['from', told]]);
    events = new EventSource(`events?${query}`);
    const on = (type: string, take: (data: string[]) => void): void => {
      events!.addEventListener(type, (event) => {
        const { data, lastEventId } = event as MessageEvent<string>;
        told = lastEventId;
        take(data.split('\n'));
      });
    };
    on('runs', ([json]) => listener.runs(JSON.parse(json!)));
    on('lines', ([run, ...lines]) => listener.lines(run!, lines));
    on('anew', ([run]) => listener.anew(run!));
    on('fault', ([run, message]) => listener.fault(run!, message!));
    events.onopen = () => listener.connection('');
    // The browser reconnects by itself, unless the answer was a refusal: from another server, or for a wrong token.
    events.onerror = () => listener.connection(events!.readyState === EventSource.CLOSED ? ENDED : LOST);
  };
  open([]);
  return {
    show: open,
    tensor: async (run, name) => {
      const response = await fetch(`tensor?${new URLSearchParams({ run, name })}`);
      if (!response.ok) throw new Error((await response.text()).trim());
      return response.json();
    },
  };
}

export function storedSource(runs: readonly StoredRun[], listener: Listener): Source {
  const told = new Set<string>();
  queueMicrotask(() => listener.runs(runs.map(({ overview }) => overview)));
  return {
    show: async (names) => {
      for (const { overview, lines } of runs) {
        if (!names.includes(overview.name) || told.has(overview.name)) continue;
        told.add(overview.name);
        listener.lines(overview.name, (await unpacked(lines)).split('\n').slice(0, -1));
      }
    },
    tensor: async (run, name) => {
      const found = runs.find(({ overview }) => overview.name === run)?.tensors.find((tensor) => tensor.name === name);
      if (!found) throw new Error('values of activations are not kept');
      return found;
    },
  };
}

function unpacked(base64: string): Promise<string> {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
}
