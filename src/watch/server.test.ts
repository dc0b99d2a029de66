import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { serveRuns, type WatchServer } from './server.js';

const folder = temporaryFolder();
const token = 'a-token-of-the-test';
let server: WatchServer;
let port: number;

beforeAll(async () => {
  mkdirSync(join(folder, 'runs/DAMAGED'), { recursive: true });
  writeFileSync(join(folder, 'runs/DAMAGED/config.json'), '{');
  writeFileSync(join(folder, 'secret'), 'not to be served');
  cpSync('package.json', join(folder, 'runs/package.json'));
  server = await serveRuns([join(folder, 'runs')], { token });
  port = Number(new URL(server.url).port);
});
afterAll(() => server.close());

interface Reply {
  readonly status: number | undefined;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** As no browser and no `fetch` would send it: with any host, and a path as it stands. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> {
  return new Promise((replied, failed) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => replied({ status: response.statusCode, body, headers: response.headers }));
    });
    asked.on('error', failed).end();
  });
}

const cookie = () => ({ cookie: `mpdnn-${port}=${token}` });

describe('the server', () => {
  it('gives a cookie for the token, and takes the token out of the address', async () => {
    expect(server.url).toBe(`http://127.0.0.1:${port}/?token=${token}`);
    const { status, headers } = await ask(`/?token=${token}`);
    expect([status, headers.location]).toEqual([303, '/']);
    expect(headers['set-cookie']).toEqual([`mpdnn-${port}=${token}; HttpOnly; SameSite=Strict; Path=/`]);
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(await ask('/', cookie())).toMatchObject({ status: 200, body: expect.stringContaining('<!doctype html>') });
  });

  it.each([
    ['no token', '/', {}],
    ['another token', '/?token=guessed', {}],
    ['another token beside the cookie', '/?token=guessed', { cookie: 'own' }],
    ['another cookie', '/runs', { cookie: 'other' }],
  ])('answers %s with 403 and nothing of the runs', async (_, path, given: { cookie?: string }) => {
    const own = given.cookie === 'own' ? cookie() : given.cookie ? { cookie: `mpdnn-${port}=${given.cookie}` } : {};
    const { status, body } = await ask(path, own);
    expect([status, body]).toEqual([403, 'open the address that mpdnn has printed, with its token\n']);
  });

  it.each(['evil.example', '127.0.0.1.evil.example', '127.0.0.1:80.evil.example', 'evil.example:80', '0.0.0.0'])(
    'refuses the host %j, even with the token',
    async (host) => {
      const { status, body, headers } = await ask(`/?token=${token}`, { host, ...cookie() });
      expect([status, body, headers['set-cookie']]).toEqual([421, 'not the host of this server\n', undefined]);
    },
  );

  it.each(['localhost', 'localhost:9', '[::1]:9'])('answers to %s, as a tunnel has it', async (host) => {
    expect(await ask('/runs', { host, ...cookie() })).toMatchObject({ status: 200 });
  });

  it.each(['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'])('refuses %s', async (method) => {
    const { status, headers } = await ask('/', cookie(), method);
    expect([status, headers.allow]).toEqual([405, 'GET']);
  });

  it.each([
    '/secret',
    '/../secret',
    '/..%2fsecret',
    '/runs/../../secret',
    '/runs/DAMAGED/config.json',
    '/tensor?run=..%2F..&name=x',
    '/tensor?run=../secret',
    '/tensor',
    '//evil.example/secret',
    `/${'%2e%2e/'.repeat(4)}etc/passwd`,
  ])('finds nothing at %s', async (path) => {
    const { status, body } = await ask(path, cookie());
    expect(status).toBe(404);
    expect(body).toMatch(/^(nothing here|no such run)\n$/);
  });

  it('says of a run what is wrong with it', async () => {
    const { body } = await ask('/runs', cookie());
    expect(JSON.parse(body)).toEqual([
      { name: 'DAMAGED', fault: expect.stringContaining('is damaged, it is no JSON') },
    ]);
    const tensor = await ask('/tensor?run=DAMAGED&name=x', cookie());
    expect([tensor.status, tensor.body]).toEqual([422, 'no epoch has ended yet: there are no parameters\n']);
  });

  it('lets the page reach nothing but itself', async () => {
    const { headers } = await ask('/', cookie());
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}='; connect-src 'self'; /,
    );
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });

  it('says so where its port is taken', async () => {
    await expect(serveRuns([], { port })).rejects.toThrow(
      `--port ${port}: cannot be listened on (EADDRINUSE); choose another`,
    );
  });
});
