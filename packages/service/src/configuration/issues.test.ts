import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { problemsOf } from './load.fixture.ts';
import { loadConfiguration } from './load.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-configuration-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

/** Text of a file, and the line that is said about it. */
const WRONG: [string, string, string][] = [
  [
    'an unknown key',
    'tree:\n  colour: 7d\n',
    'gantry.yaml:2:3: tree.colour: unknown key; known here: filesystem, s3, keepUntagged, grace, keepSnapshots, keepSnapshotsFor, refresh, layouts, layoutsRoot, layoutsUrl, signing, listen, confirm',
  ],
  [
    'a mistyped key',
    'tree:\n  refesh: 7d\n',
    'gantry.yaml:2:3: tree.refesh: unknown key; did you mean refresh?',
  ],
  [
    'a section that is none',
    'mongo: {}\n',
    'gantry.yaml:1:1: mongo: unknown key; known here: storage, catalog, messages, tree, trees, sources, channels, api, gc, sync, crane',
  ],
  [
    'a key that is a name of the prototype',
    '__proto__: { x: 1 }\n',
    'gantry.yaml:1:1: __proto__: unknown key; known here: storage, catalog, messages, tree, trees, sources, channels, api, gc, sync, crane',
  ],
  [
    'a key that stands twice',
    'tree: {}\ncrane: {}\ntree: {}\n',
    'gantry.yaml:3:1: the same key stands twice in one map',
  ],
  ['a list instead of a map', '- a\n', 'gantry.yaml:1:1: a list is no configuration: it must be a map'],
  ['text instead of a map', 'tree: ./data\n', 'gantry.yaml:1:7: tree: "./data" must be a map'],
  [
    'a number instead of text',
    'storage:\n  filesystem: { root: 5 }\n',
    'gantry.yaml:2:23: storage.filesystem.root: 5 must be text: if it is meant so, put it in quotes',
  ],
  [
    'an empty path',
    'storage: { filesystem: { root: "" } }\n',
    'gantry.yaml:1:32: storage.filesystem.root: "" is empty',
  ],
  [
    'a duration that is none',
    'tree: { keepUntagged: soon }\n',
    'gantry.yaml:1:23: tree.keepUntagged: "soon" is not a duration: write 500ms, 10s, 5m, 1h30m, 7d or the like',
  ],
  [
    'an interval of nothing',
    'crane: { poll: 0s }\n',
    'gantry.yaml:1:16: crane.poll: "0s" is no time at all: write 1s or more',
  ],
  [
    'an interval that no timer holds',
    'crane: { poll: 30d }\n',
    'gantry.yaml:1:16: crane.poll: "30d" is too long: 24d at the most',
  ],
  [
    'a refresh after the expiry',
    'tree: { refresh: 7d }\n',
    'gantry.yaml:1:18: tree.refresh: "7d" is too long: a statement expires after 7d, so it must be reissued before',
  ],
  [
    'an address that is none',
    'api: { listen: "5090" }\n',
    'gantry.yaml:1:16: api.listen: "5090" is not an address to listen on: write HOST:PORT, for instance 127.0.0.1:5090, [::1]:5090, or 0.0.0.0:5090 for all of IPv4',
  ],
  [
    'a missing name',
    'sources:\n  - registry: a.example\n',
    'gantry.yaml:2:5: sources[0].name: is missing: it must be text',
  ],
  [
    'a registry with credentials in it',
    'sources: [{ name: a, registry: "https://bot:hunter2@a.example" }]\n',
    'gantry.yaml:1:32: sources[0].registry: "https://***@a.example" holds credentials: they belong under credentials',
  ],
  [
    'a registry with a path',
    'sources: [{ name: a, registry: a.example/team }]\n',
    'gantry.yaml:1:32: sources[0].registry: "a.example/team" has a path, which a registry\'s address has not: names of repositories belong under repositories',
  ],
  [
    'a registry by ftp',
    'sources: [{ name: a, registry: "ftp://a" }]\n',
    'gantry.yaml:1:32: sources[0].registry: "ftp://a" is not a registry\'s address: write a host such as registry.example.org, or http://… for one without TLS',
  ],
  [
    'a glob that is not closed',
    'sources: [{ name: a, registry: a, repositories: ["x/[a"] }]\n',
    'gantry.yaml:1:50: sources[0].repositories[0]: "x/[a" is not a glob: it has a "[" without its "]"',
  ],
  [
    'a repository that is none',
    'sources: [{ name: a, registry: a, repositories: [../x] }]\n',
    'gantry.yaml:1:50: sources[0].repositories[0]: "../x" is not a repository name, and no glob such as "candidate/**"',
  ],
  [
    'no repositories',
    'sources: [{ name: a, registry: a, repositories: [] }]\n',
    'gantry.yaml:1:49: sources[0].repositories: a list is empty, so nothing would be taken: leave it out to take all',
  ],
  [
    'a glob over tags with a slash',
    'sources: [{ name: a, registry: a, tags: { exclude: [a/b] } }]\n',
    'gantry.yaml:1:53: sources[0].tags.exclude[0]: "a/b" is not a glob over tags: those have letters, digits and ". _ -", a glob also "* ? [abc] {a,b}"',
  ],
  [
    'a regex that is none',
    'sources: [{ name: a, registry: a, rename: { from: "(", to: "" } }]\n',
    'gantry.yaml:1:51: sources[0].rename.from: "(" is not a regular expression: Unterminated group',
  ],
  [
    'a regex that looks ahead',
    'sources: [{ name: a, registry: a, rename: { from: "(?!x)", to: "" } }]\n',
    'gantry.yaml:1:51: sources[0].rename.from: "(?!x)" looks ahead or behind, which is not supported: patterns are those of RE2',
  ],
  [
    'credentials that are a text',
    'sources: [{ name: a, registry: a, credentials: hunter2 }]\n',
    'gantry.yaml:1:48: sources[0].credentials: the value must be a map',
  ],
  [
    'a prefix that begins no name',
    'channels: [{ name: a, prefix: /a }]\n',
    'gantry.yaml:1:31: channels[0].prefix: "/a" is not the beginning of a repository name: write for instance testing/',
  ],
  [
    'a channel named as a serial',
    'channels: [{ name: "42" }]\n',
    'gantry.yaml:1:20: channels[0].name: "42" is a number, as serials are: give it a name',
  ],
  [
    'a scope that is none',
    'api: { tokens: [{ name: a, token: hunter2, scopes: [write] }] }\n',
    'gantry.yaml:1:53: api.tokens[0].scopes[0]: "write" is not a scope: there are read, sync, report:<source>, promote:<channel>, approve:<channel> and admin',
  ],
  [
    'a token that YAML takes for a number',
    'api: { tokens: [{ name: a, token: 123456, scopes: [read] }] }\n',
    'gantry.yaml:1:35: api.tokens[0].token: the value must be text: if it is meant so, put it in quotes',
  ],
  [
    'a status that is none',
    'crane: { status: 303 }\n',
    'gantry.yaml:1:18: crane.status: 303 is none of 302, 307',
  ],
  [
    'a network of a mirror that is none',
    'crane:\n  mirrors:\n    - { name: m, url: "https://m.example", networks: [10.0.0.0/8, 192.0.2.0/33] }\n',
    'gantry.yaml:3:67: crane.mirrors[0].networks[1]: "192.0.2.0/33" is no network: write for instance 192.0.2.0/24, 2001:db8::/32 or one address',
  ],
  [
    'a country that has no such code',
    'crane: { mirrors: [{ name: m, url: "https://m.example", countries: [Germany] }] }\n',
    'gantry.yaml:1:69: crane.mirrors[0].countries[0]: "Germany" is no country code: write two letters of ISO 3166, as DE',
  ],
  [
    'a proxy that is no address',
    'crane: { trustedProxies: [proxy.example.org] }\n',
    'gantry.yaml:1:27: crane.trustedProxies[0]: "proxy.example.org" is no network: write for instance 192.0.2.0/24, 2001:db8::/32 or one address',
  ],
  [
    'a mirror with credentials',
    'crane: { mirrors: [{ name: m, url: "https://u:hunter2@m.example" }] }\n',
    'gantry.yaml:1:36: crane.mirrors[0].url: "https://***@m.example" holds credentials, which everyone who is sent there would see: take them out',
  ],
  [
    'a mirror with a query',
    'crane: { mirrors: [{ name: m, url: "https://m.example/?a" }] }\n',
    'gantry.yaml:1:36: crane.mirrors[0].url: "https://m.example/?a" has a query, which no path can be put behind: take it out',
  ],
  [
    'a mirror by ftp',
    'crane: { mirrors: [{ name: m, url: "ftp://m.example" }] }\n',
    'gantry.yaml:1:36: crane.mirrors[0].url: "ftp://m.example" is not an address: write http:// or https://, a host, and a path if there is one',
  ],
  [
    'a path that MirrorManager can not have',
    'crane: { mirrors: [{ name: m, url: "https://m.example/mirrorlist", mirrormanager: { path: "/pub/a=b" } }] }\n',
    'gantry.yaml:1:91: crane.mirrors[0].mirrormanager.path: "/pub/a=b" is no path as MirrorManager has them: write for instance pub/gantry',
  ],
  [
    'a weight of nothing',
    'crane: { mirrors: [{ name: m, url: "https://m.example", weight: 0 }] }\n',
    'gantry.yaml:1:65: crane.mirrors[0].weight: 0 is below 1: leave the mirror out to send nobody there',
  ],
  [
    'a tree with a query',
    'crane: { tree: "https://m.example/?a" }\n',
    'gantry.yaml:1:16: crane.tree: "https://m.example/?a" has a query, which no path can be put behind: take it out',
  ],
  ['YAML that is none', 'tree:\n\tlisten: x\n', 'gantry.yaml:2:1: Tabs are not allowed as indentation'],
  [
    'two documents',
    'tree: {}\n---\ncrane: {}\n',
    'gantry.yaml:2:1: a second document begins here; a configuration is one',
  ],
  [
    'an alias of nothing',
    'api: { listen: *hunter2 }\n',
    'gantry.yaml:1:16: an alias (*) of nothing above it; put a value that begins with "*" in quotes',
  ],
  [
    'a tag that is none',
    'api: { listen: !hunter2 x }\n',
    'gantry.yaml:1:16: not a tag (!) that is known; put a value that begins with "!" in quotes',
  ],
];

describe('what is wrong with a file', () => {
  test.each(WRONG)('%s is told with its line and what would be right', async (_name, text, line) => {
    const lines = await problemsOf(cwd, text);
    expect(lines).toContain(line);
    expect(lines.join('\n')).not.toContain('hunter2');
  });

  test('everything is told at once, in the order of the file', async () => {
    const lines = await problemsOf(
      cwd,
      'crane: { status: 1 }\ncrane: {}\nsources:\n  - { name: a, registry: a, every: x }\n  - { name: a, registry: b }\nfoo: 1\n',
    );
    expect(lines.map((line) => line.split(': ')[0])).toEqual([
      'gantry.yaml:2:1',
      'gantry.yaml:4:36',
      'gantry.yaml:5:13',
      'gantry.yaml:6:1',
    ]);
  });

  test.each([
    [
      'catalog: { mongodb: { uri: "mongodb://h" } }\n',
      ['gantry.yaml:1:23: catalog.mongodb.uri: unknown key; did you mean url?'],
    ],
    [
      'storage: { s3: { buket: abc, accessKeyId: a, secretAcessKeyFile: b } }\n',
      [
        'gantry.yaml:1:18: storage.s3.buket: unknown key; did you mean bucket?',
        'gantry.yaml:1:46: storage.s3.secretAcessKeyFile: unknown key; did you mean secretAccessKeyFile?',
      ],
    ],
    [
      'sources: [{ name: a, registri: b.example, credentials: { usrname: u, pasword: hunter2 } }]\n',
      [
        'gantry.yaml:1:22: sources[0].registri: unknown key; did you mean registry?',
        'gantry.yaml:1:58: sources[0].credentials.usrname: unknown key; did you mean username?',
        'gantry.yaml:1:70: sources[0].credentials.pasword: unknown key; did you mean password?',
      ],
    ],
    [
      'chanels: [{ name: beta }]\nmessages: { commandScopes: ["promote:beta"] }\n',
      ['gantry.yaml:1:1: chanels: unknown key; did you mean channels?'],
    ],
    [
      'api: { tls: { certFle: c, keyFile: "" } }\n',
      [
        'gantry.yaml:1:15: api.tls.certFle: unknown key; did you mean certFile?',
        'gantry.yaml:1:36: api.tls.keyFile: "" is empty',
      ],
    ],
    [
      'catalog: { mongodb: { url: "http://h", uri: x } }\n',
      [
        'gantry.yaml:1:28: catalog.mongodb.url: the value is not the address of a MongoDB: write mongodb://HOST:27017/gantry, or mongodb+srv://HOST/gantry',
        'gantry.yaml:1:40: catalog.mongodb.uri: unknown key; did you mean url?',
      ],
    ],
    [
      'catalog: { mongodb: { adress: x } }\n',
      [
        'gantry.yaml:1:21: catalog.mongodb: is not complete: it needs url or urlFile',
        'gantry.yaml:1:23: catalog.mongodb.adress: unknown key; known here: url, urlFile',
      ],
    ],
  ])('a misspelt key is one mistake, and what else is wrong is told beside it: %j', async (text, lines) => {
    expect(await problemsOf(cwd, text)).toEqual(lines);
  });

  test('an alias bomb is refused', async () => {
    const bomb = Array.from(
      { length: 20 },
      (_, at) =>
        `k${at}: &k${at} [${
          at === 0
            ? 'x'
            : Array(9)
                .fill(`*k${at - 1}`)
                .join(', ')
        }]`,
    );
    expect(await problemsOf(cwd, bomb.join('\n'))).toEqual([
      'gantry.yaml:1:1: aliases (*) within aliases: too many to be followed',
    ]);
  });

  test('a file that is named but absent, a folder, or not UTF-8, is told by name', async () => {
    const at = (file: string) => loadConfiguration({ file, env: {}, cwd });
    await writeFile(path.join(cwd, 'latin'), Buffer.from([0x61, 0xff]));
    await expect(at('absent.yaml')).rejects.toThrow(
      `the configuration file ${path.join(cwd, 'absent.yaml')} is not there`,
    );
    await expect(at('.')).rejects.toThrow('is a folder: name the file in it');
    await expect(at('latin')).rejects.toThrow('is not UTF-8');
  });
});
