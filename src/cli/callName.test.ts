import { expect, it } from 'vitest';
import { callName } from './callName.js';

it.each([
  [
    'npx mpdnn',
    '/home/me/net/node_modules/.bin/mpdnn',
    { npm_command: 'exec', PATH: '/home/me/net/node_modules/.bin' },
  ],
  ['mpdnn', '/usr/local/bin/mpdnn', { PATH: '/usr/bin:/usr/local/bin' }],
  ['node dist/cli/main.js', '/home/me/net/dist/cli/main.js', { PATH: '/usr/bin' }],
  ['node dist/cli/main.js', '/home/me/net/dist/cli/main.js', { PATH: '/usr/bin', npm_command: 'run-script' }],
  ['node dist/cli/main.js', '/home/me/net/dist/cli/main.js', { npm_command: 'exec' }],
  ['node /opt/mpdnn/dist/cli/main.js', '/opt/mpdnn/dist/cli/main.js', { PATH: '/usr/bin' }],
  ["node 'my net/main.js'", '/home/me/net/my net/main.js', {}],
])('%s', (name, script, env) => {
  expect(callName({ argv: ['/usr/bin/node', script], env, cwd: '/home/me/net' })).toBe(name);
});
