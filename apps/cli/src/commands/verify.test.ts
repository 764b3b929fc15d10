import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { indexPath, layTree, listPath, type LaidRepository } from '@gantry/tree';
import { gantry } from '../cli.fixture.ts';

let cwd = '';
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-verify-'));
});
afterEach(() => rm(cwd, { recursive: true }));

const EMPTY: LaidRepository[] = [];
const lay = (folder: string, publishedMs = Date.now(), tree = 'a tree') =>
  layTree(path.join(cwd, folder), { repositories: EMPTY, publishedMs, tree });
const verify = (...words: string[]) => gantry(['verify', ...words], { cwd });

interface Shown {
  readonly [member: string]: unknown;
  readonly findings: readonly { readonly kind: string }[];
}
async function kindsOf(...words: string[]): Promise<[number, ...string[]]> {
  const { code, out } = await verify(...words, '--output', 'json');
  return [code, ...(JSON.parse(out) as Shown).findings.map(({ kind }) => kind)];
}

test('as JSON it has the documented members', async () => {
  const { statement } = await lay('tree');
  const { code, out } = await verify('./tree', '--against', './tree', '--roots', '--output', 'json');
  expect(code).toBe(0);
  const { tree, serial, root, published, expires } = statement;
  const place = path.join(cwd, 'tree');
  expect(JSON.parse(out)).toEqual({
    place,
    tree,
    serial,
    root,
    published,
    expires,
    level: 'roots',
    against: { place, serial, root, equal: true },
    objects: 1,
    bytes: expect.any(Number) as number,
    seconds: expect.any(Number) as number,
    errors: 0,
    warnings: 0,
    counts: {},
    findings: [],
  });
});

const roots = (folder: string) => kindsOf(`./${folder}`, '--roots', '--state', 'seen.json');

test('what was seen is remembered at each place, and a place that goes back, forks or becomes another tree fails', async () => {
  const now = Date.now();
  await lay('old', now);
  await lay('tree', now);
  await lay('tree', now);
  expect(await roots('tree')).toEqual([0]);
  expect(await roots('old')).toEqual([0]);
  expect(await roots('tree')).toEqual([0]);
  const seen = JSON.parse(await readFile(path.join(cwd, 'seen.json'), 'utf8')) as { places: object };
  expect(seen.places).toMatchObject({
    [path.join(cwd, 'tree')]: { tree: 'a tree', serial: 2 },
    [path.join(cwd, 'old')]: { serial: 1 },
  });
  await rm(path.join(cwd, 'tree'), { recursive: true });
  await lay('tree', now);
  expect(await roots('tree')).toEqual([1, 'rollback']);
  await lay('tree', now + 5000);
  expect(await roots('tree')).toEqual([1, 'fork']);
  await rm(path.join(cwd, 'tree'), { recursive: true });
  await lay('tree', now, 'another');
  expect(await roots('tree')).toEqual([1, 'other-tree']);
  // What was found wrong is not what is remembered.
  expect(JSON.parse(await readFile(path.join(cwd, 'seen.json'), 'utf8'))).toEqual(seen);
});

test('a floor, an age, and warnings that count', async () => {
  await lay('tree', Date.now() - 3 * 86_400_000);
  expect(await kindsOf('./tree', '--floor', '1', '--max-age', '4d')).toEqual([0]);
  expect(await kindsOf('./tree', '--floor', '2')).toEqual([1, 'rollback']);
  expect(await kindsOf('./tree', '--max-age', '2d')).toEqual([1, 'frozen']);
  await writeFile(path.join(cwd, 'tree/stranger'), '');
  expect(await kindsOf('./tree')).toEqual([0, 'extra']);
  expect(await kindsOf('./tree', '--strict')).toEqual([1, 'extra']);
});

test('for people, findings stand under their kind, with what to do, and the verdict is last', async () => {
  await lay('tree');
  for (let at = 0; at < 12; at++) await writeFile(path.join(cwd, `tree/stranger-${at}`), '');
  const { out } = await verify('./tree');
  const lines = out.trimEnd().split('\n');
  expect(lines[0]).toBe('warning extra (12): belong to no pool');
  expect(lines.filter((line) => line.startsWith('  stranger-'))).toHaveLength(10);
  expect(lines[11]).toBe('  and 2 more');
  expect(lines[12]).toMatch(/^ {2}-> nothing breaks/);
  expect(lines.at(-1)).toMatch(
    / at serial 1, root sha256:[0-9a-f]{64} is what its root says, 12 warnings \(/,
  );
});

test.each([
  [['./tree', '--roots', '--deep'], /--roots and --deep contradict each other/],
  [['./tree', '--serial', '1', '--against', './tree'], /--serial and --against contradict/],
  [['./tree', '--serial', 'x'], /--serial: "x" is no serial/],
  [['./tree', '--floor', '0'], /--floor: "0" is no serial/],
  [['./tree', '--max-age', 'x'], /--max-age: "x" is not a duration/],
  [['s3:///x'], /"s3:\/\/\/x" is no bucket: it is s3:\/\/BUCKET/],
  [[''], /"" is no place of a tree: it is a folder or an address/],
  [['./tree', '--against', ''], /"" is no place of a tree/],
  [['ftp://me:secret@x'], /"ftp:\/\/…" is no place of a tree: .*http:\/\/ or https:\/\//],
  [
    ['./tree', '--state', 'none/seen.json'],
    /--state: its folder ".*none" is not there: make it, or name another/,
  ],
  [['./tree', '--state', 'gantry.json/seen.json'], /--state: its folder ".*gantry\.json" is no folder/],
  [['./tree', '--state', 'tree'], /--state: ".*tree" is a folder: name a file/],
  [['./tree', '--state', 'gantry.json'], /--state: .*gantry\.json" is not a file of serials/],
])('wrong usage ends with 2 and says why: %j', async (words, message) => {
  await lay('tree');
  await writeFile(path.join(cwd, 'gantry.json'), '{"places":{}}');
  const { code, err } = await verify(...words);
  expect([code, err]).toEqual([2, expect.stringMatching(message)]);
});

test('a file of what was seen that can not be kept is told of before anything is read', async () => {
  let requests = 0;
  await using server = createServer((_, response) => {
    requests++;
    response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { code, err } = await verify(`http://127.0.0.1:${port}`, '--state', 'none/seen.json');
  expect([code, err]).toEqual([2, expect.stringContaining('--state')]);
  expect(requests).toBe(0);
});

test("one of the configuration's further trees is verified by its name", async () => {
  await lay('inner');
  await writeFile(path.join(cwd, 'gantry.yaml'), 'trees: { inner: { filesystem: { root: ./inner } } }\n');
  expect(await verify('--tree', 'inner')).toMatchObject({ code: 0 });
  const { code, err } = await verify('--tree', 'nosuch');
  expect([code, err]).toEqual([1, expect.stringMatching(/no tree "nosuch" .*: there are main, inner/)]);
});

test('of a place without a tree it says to see whether the place is right, and not to copy again', async () => {
  const { code, out } = await verify('./nothing');
  expect(code).toBe(1);
  expect(out).toContain('nothing holds no published tree');
  expect(out).toContain('see whether the place is right');
  expect(out).not.toContain('copy it again');
});

/** What it says is to be done. */
async function adviceOf(...words: string[]): Promise<readonly string[]> {
  const { out } = await verify(...words);
  return out.split('\n').filter((line) => line.startsWith('  -> '));
}

test('of extra files it says which of them go by themselves, and which stay', async () => {
  await lay('tree');
  const pool = 'pool/blobs/sha256/ff';
  await mkdir(path.join(cwd, 'tree', pool), { recursive: true });
  await writeFile(path.join(cwd, 'tree', pool, 'f'.repeat(64)), '');
  expect(await adviceOf('./tree')).toEqual([
    expect.stringMatching(
      /nothing breaks; files left over .*gantry gc.* gantry-mirror --full .*; .* stays until/,
    ),
  ]);
  await rm(path.join(cwd, 'tree/pool/blobs'), { recursive: true });
  await writeFile(path.join(cwd, 'tree/index.html'), '');
  expect(await adviceOf('./tree')).toEqual([
    "  -> nothing breaks; what has no name of the tree's, or is a link, stays until you take it away",
  ]);
});

test('of a pointer that was put back it says so, by the roots too', async () => {
  await lay('tree');
  const first = await readFile(path.join(cwd, 'tree/serial/current.json'));
  await lay('tree');
  await rm(path.join(cwd, 'tree/serial/current.json'));
  await writeFile(path.join(cwd, 'tree/serial/current.json'), first);
  expect(await adviceOf('./tree', '--roots')).toEqual([
    expect.stringMatching(/above the pointer .* next publication or copy; .* the pointer was put back/),
  ]);
});

test('of a serial that is not there it says to name one that is kept, and not to copy', async () => {
  await lay('tree');
  const { code, out } = await verify('./tree', '--serial', '3');
  expect(code).toBe(1);
  expect(out).toMatch(/^error +not-kept \(1\): .*\n {2}serial 3 is not in the history/);
  expect(out).toContain('-> name a serial that is kept');
  expect(out).not.toContain('copy');
});

test('of what is damaged or missing it says what mends it, at a mirror and at the master', async () => {
  const { statement } = await lay('tree');
  const root = path.join(cwd, 'tree', indexPath(statement.root));
  await rm(root);
  expect(await adviceOf('./tree')).toEqual([
    '  -> at a mirror copy again: gantry-mirror --full; at the master "gantry publish" puts back what the pool lacks',
  ]);
  await writeFile(root, 'x');
  expect(await adviceOf('./tree', '--roots')).toEqual([
    expect.stringMatching(
      / at a mirror remove them.* at the master "gantry publish" .* "gantry gc --scrub" blobs$/,
    ),
  ]);
  await rm(path.join(cwd, 'tree', listPath(1)));
  expect((await adviceOf('./tree'))[0]).toMatch(
    /at the master bring lists and statements back from a mirror/,
  );
});
