import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { problemsOf } from './load.fixture.ts';

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
    'a password without a user',
    'sources: [{ name: a, registry: a, credentials: { password: hunter2 } }]\n',
    'gantry.yaml:1:48: sources[0].credentials: is not complete: it needs username',
  ],
  [
    'two kinds of credentials',
    'sources: [{ name: a, registry: a, credentials: { username: u, token: hunter2 } }]\n',
    'gantry.yaml:1:48: sources[0].credentials: has a token and a username or password: leave one',
  ],
  [
    'a certificate without its key',
    'sources: [{ name: a, registry: a, tls: { certFile: c } }]\n',
    'gantry.yaml:1:40: sources[0].tls: is not complete: certFile and keyFile go together',
  ],
  [
    'two sources of one name',
    'sources:\n  - { name: a, registry: a }\n  - { name: a, registry: b }\n',
    'gantry.yaml:3:13: sources[1].name: "a" is the name of sources[0] too: each needs its own',
  ],
  [
    'two channels of one name',
    'channels:\n  - { name: a, prefix: a/ }\n  - { name: a }\n',
    'gantry.yaml:3:13: channels[1].name: "a" is the name of channels[0] too: each needs its own',
  ],
  [
    'two channels of one prefix',
    'channels:\n  - { name: a }\n  - { name: b, prefix: "" }\n',
    'gantry.yaml:3:24: channels[1].prefix: "" is the prefix of channels[0] too: each needs its own',
  ],
  [
    'a channel from nowhere',
    'channels:\n  - { name: a, from: b }\n',
    'gantry.yaml:2:22: channels[0].from: "b" names no channel: there is no other',
  ],
  [
    'a channel from itself',
    'channels:\n  - { name: a, from: a }\n',
    'gantry.yaml:2:22: channels[0].from: "a" leads back to this channel: nothing could ever come in',
  ],
  [
    'a scope for no channel',
    'messages: { commandScopes: ["promote:prod"] }\n',
    'gantry.yaml:1:29: messages.commandScopes[0]: "promote:prod" names no channel: there are testing, stable',
  ],
  [
    'a token that is missing',
    'api: { tokens: [{ name: a, scopes: [read] }] }\n',
    'gantry.yaml:1:17: api.tokens[0]: is not complete: it needs token or tokenFile',
  ],
  [
    'a mirror below the own name',
    'crane: { name: r.example, mirrors: [{ name: m, url: "https://dl.r.example/x" }] }\n',
    'gantry.yaml:1:53: crane.mirrors[0].url: "https://dl.r.example/x" lies on or below crane.name, so clients would send it their credentials for r.example',
  ],
];

describe('what no single key shows', () => {
  test.each(WRONG)('%s is told with its line and what would be right', async (_name, text, line) => {
    const lines = await problemsOf(cwd, text);
    expect(lines).toContain(line);
    expect(lines.join('\n')).not.toContain('hunter2');
  });

  test('a cycle of channels is told at each of them', async () => {
    const lines = await problemsOf(
      cwd,
      'channels:\n  - { name: a, prefix: a/, from: c }\n  - { name: b, prefix: b/, from: a }\n  - { name: c, from: b }\n',
    );
    expect(lines).toHaveLength(3);
  });

  test('a store and a tree that lie one in the other are refused', async () => {
    const lines = await problemsOf(cwd, 'tree: { filesystem: { root: ./data/store/tree } }\n');
    expect(lines).toEqual([
      `gantry.yaml:1:29: tree.filesystem.root: "${cwd}/data/store/tree" and storage.filesystem.root, ${cwd}/data/store, lie one in the other: each needs a folder of its own`,
    ]);
  });
});
