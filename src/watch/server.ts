/**
 * The server of the live page: GET only, on this machine only, with a token like Jupyter's. The printed address has the
 * token; the browser that opens it gets a cookie instead, so that it is in no address bar, history or Referer. Other
 * host names than this machine's are refused (or a foreign page could reach the server by rebinding its name), and no
 * path of a request becomes one of the disk: runs are looked up by name.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { InputError } from '../errors.js';
import { eventStream } from './eventStream.js';
import { type PageFile, readPage } from './pageFile.js';
import { parametersReader, tensorView } from './tensorView.js';
import { findRuns, overviewReader } from './watchedRuns.js';

export interface WatchServer {
  /** The address, with the token. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** 0, the default, for any free port. */
  readonly port?: number | undefined;
  /** A new one by default. */
  readonly token?: string | undefined;
}

/**
 * Serves the runs in some folders, which need not exist yet.
 *
 * @throws InputError for a port that is taken or not allowed, and for a token that could be guessed or cannot be a
 *   cookie
 */
export async function serveRuns(
  folders: readonly string[],
  { port = 0, token = randomBytes(24).toString('base64url') }: ServerOptions = {},
): Promise<WatchServer> {
  if (!/^[\w-]{16,}$/.test(token)) {
    throw new InputError('the token (MPDNN_TOKEN): must have 16 characters or more, of letters, digits, - and _');
  }
  const page = readPage();
  const routes = routesOf(folders, page);
  const headers = commonHeaders(page);
  const server = createServer((request, response) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    const answer = answerOf(request, response, token, routes);
    if (answer) send(response, answer);
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(port, '127.0.0.1', listening);
  }).catch((error: NodeJS.ErrnoException) => {
    throw new InputError(`--port ${port}: cannot be listened on (${error.code}); choose another`);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}/?token=${token}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers a path, or handles the response itself and returns null. */
type Route = (url: URL, request: IncomingMessage, response: ServerResponse) => Answer | null;

const text = (status: number, body: string): Answer => ({ status, body: `${body}\n` });
const json = (value: unknown): Answer => ({ status: 200, type: 'application/json', body: JSON.stringify(value) });

function routesOf(folders: readonly string[], { html }: PageFile): ReadonlyMap<string, Route> {
  const overview = overviewReader();
  const parameters = parametersReader();
  const overviews = () => [...findRuns(folders)].map(([name, root]) => overview(name, root));
  return new Map<string, Route>([
    ['/', () => ({ status: 200, type: 'text/html; charset=utf-8', body: html })],
    ['/favicon.ico', () => ({ status: 204, body: '' })],
    ['/runs', () => json(overviews())],
    [
      '/tensor',
      ({ searchParams }) => {
        const root = findRuns(folders).get(searchParams.get('run') ?? '');
        if (root === undefined) return text(404, 'no such run');
        const file = parameters(join(root, 'params_last.safetensors'));
        return json(tensorView(file, searchParams.get('name') ?? ''));
      },
    ],
    [
      '/events',
      ({ searchParams }, request, response) => {
        const wanted = searchParams.getAll('run');
        const from = request.headers['last-event-id']?.toString() ?? searchParams.get('from') ?? '';
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        eventStream(response, { overviews, runs: () => findRuns(folders), wanted, from });
        return null;
      },
    ],
  ]);
}

function answerOf(
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
  routes: ReadonlyMap<string, Route>,
): Answer | null {
  const host = request.headers.host ?? '';
  // Other ports are allowed, since a tunnel may lead here.
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host)) return text(421, 'not the host of this server');
  if (request.method !== 'GET') return { ...text(405, 'GET only'), headers: { allow: 'GET' } };
  const address = [request.url ?? '', 'http://localhost'] as const;
  if (!URL.canParse(...address)) return text(400, 'no address');
  const url = new URL(...address);
  const cookie = `mpdnn-${request.socket.localPort}`;
  const given = url.searchParams.get('token');
  if (given !== null && isSame(given, token)) {
    const value = `${cookie}=${token}; HttpOnly; SameSite=Strict; Path=/`;
    return { ...text(303, ''), headers: { location: url.pathname, 'set-cookie': value } };
  }
  const cookies = new Map(
    (request.headers.cookie ?? '').split('; ').map((pair) => pair.split('=', 2) as [string, string]),
  );
  if (given !== null || !isSame(cookies.get(cookie) ?? '', token)) {
    return text(403, 'open the address that mpdnn has printed, with its token');
  }
  const route = routes.get(url.pathname);
  if (!route) return text(404, 'nothing here');
  try {
    return route(url, request, response);
  } catch (error) {
    return error instanceof InputError ? text(422, error.message) : text(500, (error as Error).message);
  }
}

function send(response: ServerResponse, { status, type = 'text/plain; charset=utf-8', headers, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, ...headers }).end(body);
}

function commonHeaders({ script, style }: PageFile): ReadonlyMap<string, string> {
  const policy = [
    "default-src 'none'",
    `script-src ${script}`,
    `style-src ${style}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return new Map([
    ['cache-control', 'no-store'],
    ['referrer-policy', 'no-referrer'],
    ['x-content-type-options', 'nosniff'],
    ['cross-origin-resource-policy', 'same-origin'],
    ['content-security-policy', policy.join('; ')],
  ]);
}

/** Compares in the same time for any wrong token. */
function isSame(given: string, token: string): boolean {
  const [a, b] = [given, token].map((value) => createHash('sha256').update(value).digest());
  return timingSafeEqual(a!, b!);
}
