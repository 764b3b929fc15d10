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

/** Imports a crane.conf, has the result checked, and gives it with its section and what was said. */
async function imported(text: string) {
  await writeFile(path.join(cwd, 'crane.conf'), text);
  const { code, out, err } = await gantry(['config', 'import', 'crane', 'crane.conf'], { cwd });
  expect([code, err.split('\n').filter((line) => line.startsWith('gantry:'))]).toEqual([0, []]);
  await writeFile(path.join(cwd, 'gantry.yaml'), out);
  expect(await gantry(['config', 'check'], { cwd })).toMatchObject({ code: 0 });
  return { crane: (parse(out) as { crane: unknown }).crane, said: err.trimEnd().split('\n'), yaml: out };
}

const LISTEN =
  'crane.conf:1: the web server said where Crane answers: here crane.listen does, 127.0.0.1:5080 if absent';

test('an empty file is what Crane does without one', async () => {
  const { crane, said } = await imported('');
  expect(crane).toEqual({ redirectJson: ['/var/lib/crane/metadata/'], compat: true });
  expect(said).toEqual([LISTEN, '0 lines have no counterpart, 1 is done in another way']);
});

const WHOLE = `# Crane
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
[gsa]
url: ""
[solr]
url: https://solr.example.org/select?q={0}&wt=json
`;

test('all that has a counterpart is taken, as ConfigParser reads it', async () => {
  const { crane } = await imported(WHOLE);
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
    search: { solr: { url: 'https://solr.example.org/select?q={0}&wt=json' } },
  });
});

test('above each key stands the line that it comes from, and what there is to say', async () => {
  const { yaml, said } = await imported(WHOLE);
  const enable =
    'crane.conf:13: serve_content.enable: where one of the two folders is not there, Crane redirects all content, and Gantry does not start: take out serveContent then';
  expect(said).toEqual([LISTEN, enable, '0 lines have no counterpart, 2 are done in another way']);
  expect(yaml).toContain(`
crane:
  # crane.conf:4: general.data_dir
  redirectJson:
    - /srv/metadata
  compat: true
  # crane.conf:5: general.endpoint
  endpoint: registry.example.org
`);
  expect(yaml).toContain(`
      # crane.conf:10: cdn.url_auth_ttl
      ttl: 60s
      parameter: _auth_
`);
  expect(yaml).toContain(`
  # crane.conf:13: serve_content.enable
  # ${enable}
  serveContent:
    v1: /var/www/pub/docker/v1/web/
    # crane.conf:14: serve_content.content_dir_v2
    v2: /srv/v2
    # crane.conf:16: serve_content.use_x_sendfile
    by: file
`);
});

test('what has no counterpart, or another, is told with its line', async () => {
  const { crane, said } = await imported(`[general]
debug: true
data_dir_polling_interval: 10
color: red
endpoint: https://registry.example.org/
[cdn]
url_match: dl.example.org
url_auth_algo: whirlpool
[serve_content]
enable: 0
[solr]
url: https://solr.example.org/
[more]
[DEFAULT]
colour: red
`);
  expect(crane).toEqual({ redirectJson: ['/var/lib/crane/metadata/'], compat: true });
  expect(said).toEqual([
    LISTEN,
    'crane.conf:2: general.debug: the process is told: start it with GANTRY_LOG_LEVEL=debug',
    'crane.conf:3: general.data_dir_polling_interval: nothing to set: a change is seen as soon as it is made',
    'crane.conf:4: general.color: is not a key of Crane, and is left out',
    'crane.conf:5: general.endpoint: is not a host, and is left out: write registry.example.org or 192.0.2.1:5000',
    'crane.conf:7: cdn.url_match: is left out: url_match and url_replace go together',
    'crane.conf:8: cdn.url_auth_algo: is left out: without url_auth_secret there is no token',
    expect.stringMatching(/^crane\.conf:12: solr\.url: has no \{0\}, .*; it is left out$/),
    'crane.conf:13: more: is no section of Crane, and is left out',
    'crane.conf:15: DEFAULT.colour: is no key of a section that is there, and is left out',
    '7 lines have no counterpart, 3 are done in another way',
  ]);
});

test('a folder of content that is left empty is no content at all, as in Crane', async () => {
  for (const key of ['content_dir_v1', 'content_dir_v2']) {
    const { crane, said } = await imported(`[serve_content]\nenable: true\n${key}:\n`);
    expect(crane).not.toHaveProperty('serveContent');
    expect(said).toContain(
      `crane.conf:3: serve_content.${key}: is empty: Crane then redirects all content, and so it is here`,
    );
  }
});

test('%(name)s is filled in, and [DEFAULT] holds for each section that is there', async () => {
  const { crane, said } = await imported(`[DEFAULT]
root: /srv
endpoint: registry.example.org
url: http://elsewhere.example
[general]
base: %(Root)s/pulp
data_dir: %(base)s/md
[cdn]
url_match: 100%%/%41
url_replace: %%%(__name__)s
`);
  expect(crane).toEqual({
    redirectJson: ['/srv/pulp/md'],
    compat: true,
    endpoint: 'registry.example.org',
    cdn: { match: '100%%/%41', replace: '%cdn' },
  });
  expect(said).toEqual([
    LISTEN,
    'crane.conf:4: DEFAULT.url: is no key of a section that is there, and is left out',
    '1 line has no counterpart, 1 is done in another way',
  ]);
});

test('of two backends of search the appliance is asked, as by Crane', async () => {
  const { crane, said } = await imported(
    '[solr]\nurl = http://127.0.0.1:8983/?q={0}\n[gsa]\nurl = http://gsa.example.org/search\n',
  );
  expect(crane).toMatchObject({ search: { gsa: { url: 'http://gsa.example.org/search' } } });
  expect(said).toContain('crane.conf:2: solr.url: is not asked: with gsa.url Crane does not ask it either');
});

test.each([
  ['data_dir: /srv', /crane\.conf is not a file of sections that can be read, line 1: /],
  ['[general]\nwhat is this', /crane\.conf is not a file of sections that can be read, line 2: /],
  ['[general]\ndebug: maybe', /crane\.conf:2: general\.debug: is neither true nor false/],
  [
    '[cdn]\nurl_auth_secret: top-secret\nurl_auth_algo: sha512',
    /crane\.conf:2: cdn\.url_auth_secret: is not hexadecimal: Crane sends no tokens, (?:.*)\n(?:.*)crane\.conf:3: cdn\.url_auth_algo: is none of sha256, sha1 and md5: Crane goes on with sha256, /,
  ],
  [
    '[cdn]\nurl_auth_secret: ab\nurl_auth_ttl: 5m\nurl_auth_param: a&b',
    /:3: cdn\.url_auth_ttl: is no number of seconds\n(?:.*):4: cdn\.url_auth_param: is no name of a query parameter/,
  ],
  ['[cdn]\nurl_auth_secret: ab\nurl_auth_ttl:', /:3: cdn\.url_auth_ttl: is no number of seconds/],
  ['[serve_content]\nuse_x_sendfile:', /:2: serve_content\.use_x_sendfile: is neither true nor false/],
  [
    '[general]\ndata_dir: %(base)s/md',
    /:2: general\.data_dir: has %\(base\)s, and neither its section nor \[DEFAULT\] has that: Crane does not start with it/,
  ],
  ['[general]\nbase: /srv\ndata_dir: %(base)d/md', /:3: general\.data_dir: has a % beside %\(NAME\)s/],
  ['[general]\ndata_dir: %(data_dir)s/md', /:2: general\.data_dir: is filled in without end/],
  ['[DEFAULT]\ndata_dir: %(x)s\n[general]', /:2: DEFAULT\.data_dir: has %\(x\)s/],
])('%j is refused', async (text, problem) => {
  await writeFile(path.join(cwd, 'crane.conf'), text);
  const { code, out, err } = await gantry(['config', 'import', 'crane', 'crane.conf'], { cwd });
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(problem);
  expect(err).not.toContain('top-secret');
});
