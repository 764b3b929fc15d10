import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { gantry } from '../cli.fixture.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-import-crane-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

/** Imports a crane.conf, has the result checked, and gives its section with what was said. */
async function imported(text: string) {
  await writeFile(path.join(cwd, 'crane.conf'), text);
  const { code, out, err } = await gantry(['config', 'import', 'crane', 'crane.conf'], { cwd });
  expect([code, err.split('\n').filter((line) => line.startsWith('gantry:'))]).toEqual([0, []]);
  await writeFile(path.join(cwd, 'gantry.yaml'), out);
  expect(await gantry(['config', 'check'], { cwd })).toMatchObject({ code: 0 });
  return { crane: (parse(out) as { crane: unknown }).crane, said: err.trimEnd().split('\n') };
}

test('an empty file is what Crane does without one', async () => {
  expect(await imported('')).toEqual({
    crane: { redirectJson: ['/var/lib/crane/metadata/'], compat: true },
    said: ['0 lines have no counterpart, 0 are done in another way'],
  });
});

test('all that has a counterpart is taken, as ConfigParser reads it', async () => {
  const { crane, said } = await imported(`# Crane
[general]
debug: false
Data_Dir = /srv/metadata ; where Pulp writes
endpoint: registry.example.org
[cdn]
url_match: dl.example.org
url_replace: cdn.example.org
url_auth_secret: abc123
url_auth_ttl: 60
url_auth_algo: md5
[serve_content]
enable: yes
content_dir_v2:
    /srv/v2
use_x_sendfile: off
`);
  expect(said).toHaveLength(1);
  expect(crane).toEqual({
    redirectJson: ['/srv/metadata'],
    compat: true,
    endpoint: 'registry.example.org',
    cdn: {
      match: 'dl.example.org',
      replace: 'cdn.example.org',
      token: { secret: 'abc123', ttl: '60s', parameter: '_auth_', algorithm: 'md5' },
    },
    serveContent: { v1: '/var/www/pub/docker/v1/web/', v2: '/srv/v2', by: 'file' },
  });
});

test('what has no counterpart is told with its line', async () => {
  const { crane, said } = await imported(`[general]
debug: true
data_dir_polling_interval: 10
color: red
[cdn]
url_match: dl.example.org
url_auth_secret: no secret
[solr]
url: https://solr.example.org/?q={0}
[more]
`);
  expect(crane).toEqual({ redirectJson: ['/var/lib/crane/metadata/'], compat: true });
  expect(said).toEqual([
    'crane.conf:2: general.debug: has no counterpart: each answer stands in crane.accessLog',
    'crane.conf:3: general.data_dir_polling_interval: nothing to set: a change is seen within a second',
    'crane.conf:4: general.color: is not a key of Crane, and is left out',
    'crane.conf:6: cdn.url_match: is left out: url_match and url_replace go together',
    'crane.conf:7: cdn.url_auth_secret: is not hexadecimal: redirects carry no token, as with Crane',
    'crane.conf:9: solr.url: is not asked: crane.search finds what is published',
    'crane.conf:10: more: is no section of Crane, and is left out',
    '6 lines have no counterpart, 1 is done in another way',
  ]);
});

test.each(['data_dir: /srv', '[general]\nwhat is this'])('%j is refused', async (text) => {
  await writeFile(path.join(cwd, 'crane.conf'), text);
  const { code, out, err } = await gantry(['config', 'import', 'crane', 'crane.conf'], { cwd });
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/crane\.conf is not a file of sections that can be read, line \d: /);
});
