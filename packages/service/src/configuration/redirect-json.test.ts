import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';
import { loadConfiguration } from './load.ts';
import { showConfiguration } from './show.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-redirect-json-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const WHOLE = `
crane:
  redirectJson: [./metadata, /srv/more, ./metadata]
  compat: true
  endpoint: registry.example.org:5000
  cdn: { match: old.example.org, replace: new.example.org, token: { secretFile: ./cdn.hex, ttl: 10m, parameter: t, algorithm: sha1 } }
  serveContent: { v2: ./v2, by: x-accel-redirect, location: /content/ }
`;

test('paths are absolute, and what is shown can be read again', async () => {
  const { configuration } = await load(cwd, WHOLE);
  expect(configuration.crane).toMatchObject({
    redirectJson: [path.join(cwd, 'metadata'), '/srv/more'],
    compat: true,
    endpoint: 'registry.example.org:5000',
    cdn: {
      rewrite: { match: 'old.example.org', replace: 'new.example.org' },
      token: { ttlMs: 600_000, parameter: 't', algorithm: 'sha1' },
    },
    serveContent: { v2: path.join(cwd, 'v2'), by: 'x-accel-redirect', location: '/content/' },
  });
  await writeFile(path.join(cwd, 'again.yaml'), showConfiguration(configuration));
  const again = await loadConfiguration({ env: {}, cwd, file: 'again.yaml' });
  expect(showConfiguration(again.configuration)).toBe(showConfiguration(configuration));
});

test('the token has the original’s defaults, and its secret is not shown', async () => {
  const { configuration } = await load(
    cwd,
    'crane: { redirectJson: [a], cdn: { token: { secret: abc123 } } }',
  );
  const { token } = configuration.crane.cdn;
  expect(token).toMatchObject({ ttlMs: 300_000, parameter: '_auth_', algorithm: 'sha256' });
  expect(await token?.secret.read()).toBe('abc123');
  expect(showConfiguration(configuration)).not.toContain('abc123');
});

test('what is shown of a crane without redirect files can be read again', async () => {
  const { configuration } = await load(cwd, 'crane: { cdn: {} }');
  const shown = showConfiguration(configuration);
  expect(showConfiguration((await load(cwd, shown)).configuration)).toBe(shown);
});

test('a secret in a file is held to be one when it is read', async () => {
  const { configuration } = await load(cwd, WHOLE);
  const read = () => configuration.crane.cdn.token?.secret.read();
  await expect(read()).rejects.toThrow(/crane\.cdn\.token\.secretFile: the file .*cdn\.hex can not be read/);
  await writeFile(path.join(cwd, 'cdn.hex'), 'abc12\n');
  await expect(read()).rejects.toThrow(/holds what is not hexadecimal/);
  await writeFile(path.join(cwd, 'cdn.hex'), 'abc123\n');
  expect(await read()).toBe('abc123');
});

test('directories come from the environment, too', async () => {
  const { configuration } = await load(cwd, '{}', {
    GANTRY_CRANE_REDIRECT_JSON: '["./here"]',
    GANTRY_CRANE_COMPAT: 'true',
  });
  expect(configuration.crane).toMatchObject({ redirectJson: [path.join(cwd, 'here')], compat: true });
});

test.each([
  [
    'redirectJson: [a], cdn: { token: { secret: abc } }',
    /crane\.cdn\.token\.secret: the value is not hexadecimal/,
  ],
  [
    'redirectJson: [a], cdn: { token: { secret: xyz1 } }',
    /crane\.cdn\.token\.secret: the value is not hexadecimal/,
  ],
  [
    'redirectJson: [a], cdn: { token: { secret: abc123, algorithm: sha512 } }',
    /crane\.cdn\.token\.algorithm: /,
  ],
  ['redirectJson: [a], cdn: { token: { secret: abc123, secretFile: x } }', /crane\.cdn\.token: .*leave one/],
  ['redirectJson: [a], cdn: { token: { ttl: 5m } }', /crane\.cdn\.token: .*needs secretFile or secret/],
  ['redirectJson: [a], cdn: { token: { secret: abc123, ttl: 10ms } }', /crane\.cdn\.token\.ttl: .*below 1s/],
  [
    'redirectJson: [a], cdn: { token: { secret: abc123, parameter: "a&b" } }',
    /crane\.cdn\.token\.parameter: /,
  ],
  ['redirectJson: [a], cdn: { match: x }', /crane\.cdn: .*match and replace go together/],
  ['cdn: { token: { secret: abc123 } }', /crane\.cdn: .*crane\.redirectJson/],
  ['redirectJson: [], cdn: { match: a, replace: b }', /crane\.cdn: .*crane\.redirectJson/],
  ['endpoint: registry.example.org', /crane\.endpoint: .*crane\.redirectJson/],
  ['serveContent: { v2: /srv/v2 }', /crane\.serveContent: .*crane\.redirectJson/],
  ['redirectJson: [a], serveContent: { by: file }', /crane\.serveContent: .*needs v2, or v1, or both/],
  ['redirectJson: [a], serveContent: { v2: b, location: content }', /crane\.serveContent\.location: /],
  ['redirectJson: /var/lib/crane', /crane\.redirectJson: .*must be a list/],
])('%s is refused', async (text, message) => {
  expect(await problemsOf(cwd, `crane: { ${text} }`)).toEqual([expect.stringMatching(message)]);
});
