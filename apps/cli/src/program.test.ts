import { readFile } from 'node:fs/promises';
import { gantry } from './cli.fixture.ts';

const COMMANDS = [
  'sync',
  'candidates',
  'promote',
  'promotions',
  'plans',
  'why',
  'approve',
  'waive',
  'waivers',
  'results',
  'publish',
  'publications',
  'mirrors',
  'rollback',
  'retract',
  'purge',
  'diff',
  'save',
  'export',
  'verify',
  'gc',
  'keys',
  'tokens',
  'whoami',
  'audit',
  'read-only',
  'workers',
  'leases',
  'queues',
  'dead-letters',
  'catalog',
  'config',
];

function broken(): never {
  throw new TypeError('boom');
}

describe('the command line', () => {
  test('--help names every command, the exit codes and examples, on standard output', async () => {
    const { code, out, err } = await gantry(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(out).toContain(
      'Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a gate, 70 a defect in Gantry, 75 try again',
    );
    expect(out).toContain('gantry promote fedora/httpd:2.4 --to stable --wait');
  });

  test.each([
    [[], COMMANDS],
    [['catalog'], ['backup', 'copy', 'rebuild']],
    [['config'], ['check', 'schema', 'show', 'import']],
    [['promotions'], ['list', 'show', 'cancel']],
    [['results'], ['add', 'list', 'report']],
    [['waivers'], ['list', 'revoke']],
    [['tokens'], ['list', 'make', 'revoke']],
    [['audit'], ['list', 'verify', 'export']],
    [['plans'], ['show']],
    [['read-only'], ['status', 'on', 'off']],
  ])('%j --help has one line for each command, in the order of the work', async (words, commands) => {
    const { out } = await gantry([...words, '--help']);
    const [, list = ''] = /^Commands:\n(.*?)\n\n/ms.exec(out) ?? [];
    const lines = list.split('\n').map((line) => /^ {2}(\S+)(?: \S+)* {2,}([a-z].*[^.])$/.exec(line));
    expect(lines.map((line) => line?.[1])).toEqual([...commands, 'help']);
  });

  test.each(['--version', '-V'])('%s says which Gantry this is, and on which Node', async (flag) => {
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    const expected = { code: 0, out: `gantry ${version} (node ${process.versions.node})\n`, err: '' };
    expect(await gantry([flag])).toEqual(expected);
    expect(await gantry(['sync', flag])).toEqual(expected);
  });

  test.each(COMMANDS)('%s --help has an example and the global options', async (command) => {
    const { code, out } = await gantry([command, '--help']);
    expect(code).toBe(0);
    expect(out).toContain(`\nExamples:\n  gantry ${command}`);
    expect(out).toContain('--output <form>');
  });

  test.each([
    [[], 'Usage: gantry'],
    [['foo'], "gantry: unknown command 'foo'"],
    [['syncc'], '(Did you mean sync?)'],
    [['candidates', '--foo'], "gantry: unknown option '--foo'"],
    [['candidates', '--output', 'xml'], "argument 'xml' is invalid. Allowed choices are table, json, plain."],
    [['promote', 'a:1'], "gantry: required option '--to <channel>' not specified"],
    [['promote', '--to', 'stable'], 'gantry: what is to be promoted? Write REPO:TAG or REPO@DIGEST'],
    [['promote', 'A:1', '--to', 'stable'], 'gantry: "A" is not a repository name'],
    [['promote', 'a', '--to', 'stable'], 'gantry: "a" names no tag'],
    [['promote', 'a@sha256:1', '--to', 'stable'], 'is not a digest'],
    [['promote', 'a:1', '--to', 'stable', '--plan', 'p'], 'gantry: --plan says all that is promoted'],
    [['promote', 'a:1', '--to', 'stable', '--if-match', 'e'], 'gantry: --if-match is of a plan'],
    [['promotions', 'list', '--limit', '0'], 'gantry: --limit: "0" is not a whole number from 1 on'],
    [['promotions', 'list', '--since', 'ago'], 'gantry: --since: "ago" is no time: write 7d'],
    [['why'], "gantry: missing required argument 'promotion-or-images'"],
    [['why', 'a:1'], 'gantry: name one promotion by its id, or images and the channel by --to'],
    [['why', 'p1', '--to', 'stable'], 'gantry: "p1" names no tag'],
    [['approve'], "gantry: missing required argument 'promotion'"],
    [['waive', 'stable', 'a:1', '--gate', 'g', '--reason', 'r'], "required option '--expires <time>'"],
    [['waive', 'stable', 'a:1', '--gate', 'g', '--reason', 'r', '--expires', '1'], '"1" is no time'],
    [['results', 'add', 'a:1', 'smoke'], "gantry: missing required argument 'outcome'"],
    [['results', 'add', 'a:1', 'smoke', 'PASSED', '--data', 'x'], 'gantry: --data: "x" is not NAME=VALUE'],
    [['results', 'report', 'report.json'], 'gantry: which image is the report of?'],
    [['results', 'report', 'absent.json', 'a:1'], 'gantry: the report "absent.json" can not be read: ENOENT'],
    [['retract', 'stable', 'a:1'], "gantry: required option '--reason <text>' not specified"],
    [['retract', 'stable', 'a@sha256:1', '--reason', 'r'], 'is not a digest'],
    [['purge', 'a:1', '--reason', 'r'], 'gantry: "a:1" is not a digest'],
    [['purge', `sha256:${'a'.repeat(64)}`, '--reason', 'r'], 'gantry: nobody can be asked here'],
    [['tokens', 'make', 'ci'], "gantry: required option '--scope <scope...>' not specified"],
    [['audit', 'verify', '--expect', 'x'], 'gantry: --expect: "x" is not a hash'],
    [['audit', 'verify', 'absent.jsonl'], 'gantry: absent.jsonl: ENOENT'],
    [['audit', 'export', '--after', '-1'], 'gantry: --after: "-1" is not a sequence'],
    [['rollback'], "gantry: missing required argument 'serial'"],
    [['rollback', '0'], 'gantry: "0" is not a serial'],
    [['rollback', 'abc'], 'gantry: "abc" is not a serial'],
    [['dead-letters', 'replay'], 'gantry: which ones? Write their ids, or --all'],
    [['dead-letters', 'discard', '1', '--all'], 'gantry: write ids or --all, not both'],
    [['diff', 'stable'], "gantry: missing required argument 'b'"],
    [['diff', 'stable', './tree'], 'gantry: give two channels, two serials or two trees'],
    [['config', 'foo'], "gantry: unknown command 'foo'"],
    [['config', 'check', '--config', 'absent.yaml'], 'absent.yaml is not there'],
    [
      ['candidates', '--server', 'localhost:5090'],
      'gantry: --server: "localhost:5090" is not an http(s) address',
    ],
    [['candidates', '--server', 'http://u:hunter2@h'], 'gantry: --server: the address may hold no user'],
    [['candidates', '--token', 'a b'], 'gantry: the token holds spaces'],
    [['sync', 'a', '--local'], "gantry: unknown option '--local'"],
  ])('%j is wrong usage, and says why on standard error', async (words, why) => {
    const { code, out, err } = await gantry(words);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(why);
    expect(err).not.toContain('hunter2');
  });

  test('a server that is not there is to be tried again, and the message says how to start one', async () => {
    const { code, out, err } = await gantry(['candidates', '--server', 'http://127.0.0.1:1']);
    expect({ code, out }).toEqual({ code: 75, out: '' });
    expect(err).toBe(
      'gantry: no Gantry server answers at http://127.0.0.1:1 (nothing listens there): start one by "gantry serve all", or name another by --server or GANTRY_SERVER\n',
    );
  });

  test('a defect ends with 70 and says where', async () => {
    const { code, err } = await gantry(['candidates'], { interruptible: broken });
    expect(code).toBe(70);
    expect(err).toContain('gantry: a defect in Gantry: TypeError: boom');
    expect(err).toContain('program.test.ts');
  });
});
