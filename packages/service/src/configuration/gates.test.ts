import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';
import { loadConfiguration } from './load.ts';
import { maskSecrets, showConfiguration } from './show.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-gates-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const DAY_MS = 86_400_000;

/** A channel with gates of every kind. */
const ALL = `channels:
  - { name: testing, prefix: testing/ }
  - name: stable
    from: testing
    gates:
      - { results: { testcases: [smoke, upgrade], sources: [ci], scenarios: [x86] }, wait: 1h }
      - { name: release-managers, approvals: { count: 2, by: [ada], groups: [release] } }
      - match: { labels: { vendor: "Example*" }, annotations: { maturity: "/ga|lts/" } }
      - age: { atLeast: 7d }
      - signature: { keyFiles: [./a.pub, /keys/b.pub], count: 2 }
      - referrers: { artifactTypes: [application/spdx+json] }
      - vulnerabilities:
          atMost: { critical: 0, high: 3 }
          sources: [trivy]
          maxAge: 30d
          onlyFixable: true
          allow: [{ id: CVE-2026-1, until: 2036-01-31, reason: not reachable }]
      - http: { url: "https://opa.example.org/v1/data/release/allow", timeout: 5s, token: hunter2, caFile: ./ca.pem }
    tags:
      names: ["[0-9]*", latest]
      immutable: ["/[0-9]+[.][0-9]+/"]
      movers: [{ tags: [latest], groups: [release] }]
`;

const gates = (text: string, from = 'from: testing') =>
  `channels:\n  - { name: testing, prefix: testing/ }\n  - name: stable\n    ${from}\n    gates:\n      - ${text}\n`;

describe("a channel's gates", () => {
  test('are read whole', async () => {
    const { configuration, warnings } = await load(cwd, ALL);
    const [testing, stable] = configuration.channels;
    expect(testing).toEqual({ name: 'testing', prefix: 'testing/', publish: true, gates: [] });
    expect(stable?.gates).toEqual([
      {
        name: 'results',
        waitMs: 3_600_000,
        results: { testcases: ['smoke', 'upgrade'], sources: ['ci'], scenarios: ['x86'] },
      },
      { name: 'release-managers', approvals: { count: 2, by: ['ada'], groups: ['release'] } },
      { name: 'match', match: { labels: { vendor: 'Example*' }, annotations: { maturity: '/ga|lts/' } } },
      { name: 'age', age: { atLeastMs: 7 * DAY_MS } },
      { name: 'signature', signature: { keyFiles: [path.join(cwd, 'a.pub'), '/keys/b.pub'], count: 2 } },
      { name: 'referrers', referrers: { artifactTypes: ['application/spdx+json'] } },
      {
        name: 'vulnerabilities',
        vulnerabilities: {
          atMost: { critical: 0, high: 3 },
          sources: ['trivy'],
          maxAgeMs: 30 * DAY_MS,
          onlyFixable: true,
          allow: [{ id: 'CVE-2026-1', until: '2036-02-01T00:00:00.000Z', reason: 'not reachable' }],
        },
      },
      {
        name: 'http',
        http: {
          url: 'https://opa.example.org/v1/data/release/allow',
          timeoutMs: 5000,
          caFile: path.join(cwd, 'ca.pem'),
          token: expect.objectContaining({ key: 'channels[1].gates[7].http.token' }),
        },
      },
    ]);
    expect(stable?.tags).toEqual({
      names: ['[0-9]*', 'latest'],
      immutable: ['/[0-9]+[.][0-9]+/'],
      movers: [{ tags: ['latest'], by: [], groups: ['release'] }],
    });
    expect(warnings).toEqual([]);
  });

  test('are shown as a file that says the same again, their secrets masked', async () => {
    const { configuration } = await load(cwd, ALL);
    const shown = showConfiguration(configuration);
    expect(shown).not.toContain('hunter2');
    expect(maskSecrets(configuration)).toMatchObject({
      channels: [{}, { gates: expect.arrayContaining([{ name: 'age', age: { atLeast: '7d' } }]) }],
    });
    await writeFile(path.join(cwd, 'again.yaml'), shown, { mode: 0o600 });
    const again = await loadConfiguration({ env: {}, cwd, file: 'again.yaml' });
    expect(JSON.stringify(again.configuration)).toBe(JSON.stringify(configuration));
  });

  test.each([
    [
      'approval: { count: 1 }',
      /:6:9: channels\[1\]\.gates\[0\]\.approval: unknown key; did you mean approvals\?/,
    ],
    [
      'name: none',
      /:6:9: channels\[1\]\.gates\[0\]: a map does not say what it asks for: write for instance approvals/,
    ],
    [
      '{ approvals: {}, age: { atLeast: 1d } }',
      /:6:26: channels\[1\]\.gates\[0\]\.age: stands beside approvals: .*two gates/,
    ],
    [
      'approvals: {}\n      - approvals: {}',
      /:7:9: channels\[1\]\.gates\[1\]: needs a name: gates\[0\] is called approvals already/,
    ],
    [
      'age: { atLeast: 1d }\n      - { name: age, approvals: {} }',
      /:7:17: channels\[1\]\.gates\[1\]\.name: "age" is the name of gates\[0\] too/,
    ],
    ['approvals: { count: 0 }', /:6:29: .*count: 0 is below 1/],
    ['approvals: { count: 3, by: [ada, ada, bob] }', /:6:29: .*count: 3 is more than the 2 that by names/],
    ['results: { testcases: [] }', /:6:31: .*testcases: a list is empty/],
    ['results: {}', /:6:\d+: .*results.*testcases: is missing/],
    ['match: {}', /:6:16: .*match: is empty: it needs labels or annotations/],
    ['match: { labels: { a: "/(/" } }', /:6:31: .*labels\.a: "\/\(\/" is not a regular expression/],
    ['match: { labels: { a: "{x" } }', /:6:31: .*"\{x" is not a glob/],
    ['age: { atLeast: soon }', /:6:25: .*"soon" is not a duration/],
    [
      'age: { atLeast: 1d, channel: nowhere }',
      /:6:38: .*"nowhere" names no channel: there are testing, stable/,
    ],
    ['signature: { keyFiles: [a.pub], count: 2 }', /:6:48: .*2 is more than the keys that keyFiles names/],
    ['vulnerabilities: { atMost: {} }', /:6:36: .*atMost: is empty: write for instance/],
    ['vulnerabilities: { atMost: { grave: 0 } }', /:6:38: .*grave: unknown key; known here: critical, high/],
    [
      'vulnerabilities: { atMost: { high: 0 }, allow: [{ id: a, until: later, reason: b }] }',
      /:6:73: .*"later" is no day and no time/,
    ],
    ['http: { url: "opa.example.org" }', /:6:22: .*is not an address/],
    ['http: { url: "https://u:hunter2@opa.example.org" }', /:6:22: .*holds credentials/],
    ['http: { url: "https://opa.example.org", timeout: 1m }', /:6:58: .*is too long: 30s at the most/],
    ['http: { url: "https://a.org", token: a, tokenFile: b }', /:6:15: .*has token and tokenFile: leave one/],
  ])('%s is refused at its line', async (text, message) => {
    const lines = await problemsOf(cwd, gates(text));
    expect(lines.join('\n')).toMatch(message);
    expect(lines).toHaveLength(1);
    expect(lines.join('\n')).not.toContain('hunter2');
  });

  test('one of age needs a channel to be old in', async () => {
    expect(await problemsOf(cwd, gates('age: { atLeast: 1d }', 'prefix: ""'))).toEqual([
      'gantry.yaml:6:14: channels[1].gates[0].age: needs a channel to be old in, as this one takes from none: set from, or age.channel',
    ]);
  });

  test('a vulnerability that is allowed no more is warned of', async () => {
    const allow = '[{ id: CVE-1, until: 2020-02-28T12:00:00+01:00, reason: a }]';
    const { configuration, warnings } = await load(
      cwd,
      gates(`vulnerabilities: { atMost: { high: 0 }, allow: ${allow} }`),
    );
    expect(warnings).toEqual([
      expect.stringMatching(
        /:6:\d+: .*allow\[0\]\.until: "2020-02-28T12:00:00\+01:00" is over, so .* counts again/,
      ),
    ]);
    expect(configuration.channels[1]?.gates[0]).toMatchObject({
      vulnerabilities: { allow: [{ until: '2020-02-28T11:00:00.000Z' }] },
    });
  });

  test('files of keys that are not there are warned of, when they are looked at', async () => {
    await load(cwd, gates('signature: { keyFiles: [a.pub] }'));
    const { warnings } = await loadConfiguration({ env: {}, cwd, lookAtFiles: true });
    expect(warnings).toEqual([
      `gantry.yaml:6:33: channels[1].gates[0].signature.keyFiles[0]: the file ${cwd}/a.pub is not there`,
    ]);
  });
});

test.each([
  ['tags: { immutable: ["v("] }', /channels\[0\]\.tags\.immutable\[0\]: "v\(" is not a glob over tags/],
  ['tags: { names: [] }', /channels\[0\]\.tags\.names: a list is empty/],
  [
    'tags: { movers: [{ tags: [latest] }] }',
    /channels\[0\]\.tags\.movers\[0\]: is not complete: it needs by or groups/,
  ],
  ['tags: { immutabel: [] }', /channels\[0\]\.tags\.immutabel: unknown key; did you mean immutable\?/],
])('rules for tags: %s is refused', async (text, message) => {
  expect((await problemsOf(cwd, `channels: [{ name: a, ${text} }]\n`)).join('\n')).toMatch(message);
});
