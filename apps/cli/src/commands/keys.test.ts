import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { layTree, POINTER_PATH, readSigningKeyFile } from '@gantry/tree';
import { gantry, type Ran } from '../cli.fixture.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-keys-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const at = (file: string) => path.join(cwd, file);
const run = (...words: string[]) => gantry(words, { cwd });
const json = ({ out }: Ran) => JSON.parse(out) as Record<string, unknown>;
const configure = (text: string) => writeFile(at('gantry.yaml'), text, { mode: 0o600 });

/** Makes a key and keeps its public half beside it. @returns its id */
async function make(name: string): Promise<string> {
  const { code, out } = await run('keys', 'make', '--out', `${name}.key`, '--output', 'plain');
  expect(code).toBe(0);
  await writeFile(at(`${name}.pub`), out);
  return /^keyid: ([0-9a-f]{64})$/m.exec(out)?.[1] ?? '';
}

const rows = async (...words: string[]) =>
  (await run('keys', 'list', ...words, '--output', 'plain')).out.trim().split('\n');

describe('gantry keys make', () => {
  test('makes a key for its owner alone, and prints the public one', async () => {
    const { code, out, err } = await run('keys', 'make');
    expect(code).toBe(0);
    expect(out).toMatch(
      /^keyid: [0-9a-f]{64}\n-----BEGIN PUBLIC KEY-----\n[\w+/=\n]+-----END PUBLIC KEY-----\n$/,
    );
    expect(err).toContain(`${at('release.key')}: the private key, mode 0600`);
    expect((await stat(at('release.key'))).mode & 0o777).toBe(0o600);
    const key = await readSigningKeyFile(at('release.key'), 'x');
    expect(out).toBe(`keyid: ${key.keyid}\n${key.pem}`);
    expect(out + err).not.toContain((await readFile(at('release.key'), 'utf8')).split('\n')[1]);
    expect((await run('keys', 'show', 'release.key')).out).toBe(out);
  });

  test('never overwrites one', async () => {
    await make('release');
    const before = await readFile(at('release.key'));
    const { code, err, out } = await run('keys', 'make', '--out', 'release.key');
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('never overwritten');
    expect(await readFile(at('release.key'))).toEqual(before);
  });

  test('as JSON', async () => {
    const answer = json(await run('keys', 'make', '--out', 'a.key', '--output', 'json'));
    expect(answer).toEqual({
      file: at('a.key'),
      keyid: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      publicKey: expect.stringContaining('BEGIN PUBLIC KEY') as string,
    });
  });
});

describe('gantry keys list', () => {
  test('says so when there are none', async () => {
    expect(await run('keys')).toMatchObject({
      code: 0,
      out: '',
      err: expect.stringContaining('keys make') as string,
    });
  });

  test('says which sign and which are trusted, of the configuration and of files', async () => {
    const [old, next, other] = [await make('old'), await make('next'), await make('other')];
    await configure(
      'tree: { signing: { keyFile: [old.key, next.key] } }\ncrane: { trustedKeys: [next.pub, other.pub] }',
    );
    expect(await rows()).toEqual([
      [old, 'yes', '-', at('old.key')].join('\t'),
      [next, 'yes', 'yes', at('next.key')].join('\t'),
      [other, '-', 'yes', at('other.pub')].join('\t'),
    ]);
    expect(await rows('old.pub', 'other.key')).toEqual([
      [old, 'yes', '-', at('old.pub')].join('\t'),
      [other, '-', 'yes', at('other.key')].join('\t'),
    ]);
  });

  test('names those that can not be used, and fails', async () => {
    const keyid = await make('good');
    await make('open');
    await chmod(at('open.key'), 0o644);
    await writeFile(at('no-key'), 'root:x:0:0\n');
    const { code, out, err } = await run(
      'keys',
      'list',
      'good.key',
      'open.key',
      'none.pub',
      'no-key',
      '--output',
      'plain',
    );
    expect(code).toBe(1);
    expect(out.split('\n').map((line) => line.split('\t')[0])).toEqual([keyid, '-', '-', '-', '']);
    expect(err.split('\n')).toEqual([
      expect.stringMatching(
        /^gantry: the file \/.*open\.key is readable by others than its owner \(mode 0644\)/,
      ),
      expect.stringMatching(/^gantry: the file \/.*none\.pub can not be read: ENOENT/),
      expect.stringMatching(/^gantry: the key \/.*no-key can not be used: /),
      '',
    ]);
  });
});

describe('gantry keys rotate', () => {
  test('makes the next key beside the present one, and says the steps', async () => {
    const old = await make('release');
    await configure('tree: { signing: { keyFile: release.key } }');
    const { code, out, err } = await run('keys', 'rotate');
    expect(code).toBe(0);
    expect(out).toMatch(/^keyid: [0-9a-f]{64}\n-----BEGIN PUBLIC KEY-----/);
    expect(out).not.toContain(old);
    expect((await stat(at('release-2.key'))).mode & 0o777).toBe(0o600);
    expect(err).toMatch(/1\. Add the public key to crane\.trustedKeys/);
    expect(err).toContain(`tree.signing.keyFile: [${at('release.key')}, ${at('release-2.key')}]`);
    expect(err).toContain(`tree.signing.keyFile: ${at('release-2.key')}.`);
    expect(err).not.toContain('waits');
    const second = await run('keys', 'rotate', '--output', 'json');
    expect(second.err).toMatch(/^gantry: \/.*release-2\.key waits to follow already: .* destroy the rest\n$/);
    const again = json(second);
    expect(again).toMatchObject({ file: at('release-3.key'), steps: expect.any(Array) as unknown[] });
  });

  test('takes the keys that signed before the present one for no key that waits', async () => {
    for (const name of ['release', 'release-2', 'release-3']) await make(name);
    await configure('tree: { signing: { keyFile: release-3.key } }');
    const { err } = await run('keys', 'rotate');
    expect(err).toContain(`tree.signing.keyFile: ${at('release-4.key')}.`);
    expect(err).not.toContain('waits');
  });

  test('needs a key that signs now', async () => {
    const { code, err } = await run('keys', 'rotate');
    expect(code).toBe(1);
    expect(err).toContain('"gantry keys make"');
    expect(await readdir(cwd)).toEqual([]);
  });
});

describe('gantry verify --key', () => {
  test('passes what the key has signed, and names what it has not', async () => {
    const [old, next] = [await make('old'), await make('next')];
    const tree = at('data/tree');
    const lay = (...signing: Awaited<ReturnType<typeof readSigningKeyFile>>[]) =>
      layTree(tree, { repositories: [], signing });
    const key = await readSigningKeyFile(at('old.key'), 'x');
    await lay(key);
    expect(await run('verify', tree, '--key', 'old.pub')).toMatchObject({ code: 0 });
    expect(await run('verify', '--key', 'next.pub', '--key', 'old.pub', tree)).toMatchObject({ code: 0 });

    const unknown = await run('verify', tree, '--key', 'next.pub', '--output', 'json');
    expect(unknown.code).toBe(1);
    const [finding] = json(unknown)['findings'] as { kind: string; message: string }[];
    expect(finding).toMatchObject({ kind: 'unknown-key', severity: 'error', path: POINTER_PATH });
    expect(finding?.message).toContain(`signed by "${old}" alone, and must be by ${next}`);

    await rm(path.join(tree, POINTER_PATH));
    const statement = await readFile(path.join(tree, 'serial/000000000001.json'), 'utf8');
    await writeFile(path.join(tree, POINTER_PATH), statement.replace('"serial":1', '"serial":2'));
    const wrong = await run('verify', tree, '--key', 'old.pub');
    expect(wrong.code).toBe(1);
    expect(wrong.out).toMatch(
      new RegExp(`wrong-signature [^]*the signature by ${old} is not of these bytes`),
    );

    await rm(tree, { recursive: true });
    await lay();
    const unsigned = await run('verify', tree, '--key', 'old.pub');
    expect(unsigned.code).toBe(1);
    expect(unsigned.out).toMatch(new RegExp(`unsigned [^]*must be by ${old}`));
    expect((await run('verify', tree)).code).toBe(0);
  });

  test("asks for the configuration's keys where its own tree is verified", async () => {
    await make('old');
    await configure('crane: { trustedKeys: [old.pub] }');
    await layTree(at('data/tree'), { repositories: [] });
    expect((await run('verify')).out).toMatch(/unsigned/);
    expect((await run('verify', './data/tree')).code).toBe(0);
  });

  test('refuses a private key, and one that is not there', async () => {
    await make('old');
    const { code, err } = await run('verify', './data/tree', '--key', 'old.key');
    expect(code).toBe(2);
    expect(err).toContain('it is a private key');
    expect((await run('verify', './data/tree', '--key', 'none')).err).toMatch(/--key: .*ENOENT/);
  });
});
