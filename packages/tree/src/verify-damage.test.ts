import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { directoryTree } from './directory-source.ts';
import type { FindingKind } from './findings.ts';
import { openTree } from './open-tree.ts';
import { indexPath, parsePath, POINTER_PATH } from './paths.ts';
import { layHistory, NOW, short } from './sample-history.fixture.ts';
import { verifyTree, type VerifyOptions } from './verify.ts';

const CURRENT = 3;
const DAMAGES = ['removed', 'flipped', 'shorter', 'longer'] as const;
type Damage = (typeof DAMAGES)[number];

let folder = '';
let whole = '';
let files: string[] = [];
/** Documents that the current root reaches. */
let reached: ReadonlySet<string>;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gantry-damage-'));
  whole = path.join(folder, 'whole');
  await layHistory(whole);
  const entries = await readdir(whole, { recursive: true, withFileTypes: true });
  files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(whole, path.join(entry.parentPath, entry.name)))
    .toSorted();
  const view = await openTree(directoryTree(whole));
  if (view === undefined) throw new Error('there is a tree');
  const documents = [view.statement.root, ...view.shards.values()];
  for await (const { name, digest } of view.repositories()) {
    documents.push(digest, ...((await view.repository(name))?.referrers.values() ?? []));
  }
  reached = new Set(documents.map(indexPath));
});
afterAll(() => rm(folder, { recursive: true }));

async function inflict(root: string, file: string, damage: Damage, at: number): Promise<void> {
  const place = path.join(root, file);
  const bytes = await readFile(place);
  await rm(place);
  if (damage === 'removed') return;
  const position = at % Math.max(1, bytes.length);
  bytes[position] = (bytes[position] ?? 0) ^ 1;
  if (damage === 'flipped') await writeFile(place, bytes);
  if (damage === 'shorter') await writeFile(place, bytes.subarray(0, -1));
  if (damage === 'longer') await writeFile(place, Buffer.concat([bytes, Buffer.from('!')]));
}

/** What has to be said of the file; undefined: several things may be, by what the bytes came to say. */
function kindOf(file: string, damage: Damage): FindingKind | undefined {
  const parsed = parsePath(file);
  switch (parsed?.type) {
    case 'blob':
    case 'manifest':
    case 'index':
      if (damage === 'removed') return 'missing';
      if (damage === 'flipped' || reached.has(file)) return 'corrupt';
      return 'wrong-size';
    case 'list':
    case 'full-list':
      return damage === 'removed' ? 'missing' : 'corrupt';
    case 'serial':
      if (parsed.serial < CURRENT) return 'broken-chain';
      return damage === 'removed' ? 'missing' : 'fork';
    case 'pointer':
      return damage === 'removed' ? 'missing' : damage === 'longer' ? 'invalid' : undefined;
    default:
      throw new Error(`${file} is no file of the tree`);
  }
}

async function damaged(
  harms: readonly (readonly [string, Damage, number])[],
  work: (root: string) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(path.join(folder, 'tree-'));
  try {
    await cp(whole, root, { recursive: true });
    for (const [file, damage, at] of harms) await inflict(root, file, damage, at);
    await work(root);
  } finally {
    await rm(root, { recursive: true });
  }
}

const deeply = (root: string, options: VerifyOptions = {}) =>
  verifyTree(directoryTree(root), { ...NOW, deep: true, ...options });

test('whatever one file is damaged, it is named, with what is wrong with it', async () => {
  const harm = fc.record({ which: fc.nat(), damage: fc.constantFrom(...DAMAGES), at: fc.nat(5000) });
  await fc.assert(
    fc.asyncProperty(harm, async ({ which, damage, at }) => {
      const file = files[which % files.length] ?? '';
      await damaged([[file, damage, at]], async (root) => {
        const result = await deeply(root);
        const kind = kindOf(file, damage);
        expect(result.errors).toBeGreaterThan(0);
        const named = result.findings.filter((finding) => finding.path === file);
        const kinds = named.map((finding) => finding.kind);
        expect([file, kind === undefined ? kind : kinds]).toEqual([file, kind === undefined ? kind : [kind]]);
      });
    }),
    { numRuns: 80 },
  );
}, 120_000);

test('whatever files of content are damaged at once, each is named, and nothing else', async () => {
  const content = files.filter((file) => /^pool\/(?:blobs|manifests)\//.test(file));
  const harms = fc.uniqueArray(
    fc.record({ which: fc.nat(content.length - 1), damage: fc.constantFrom(...DAMAGES) }),
    {
      selector: ({ which }) => which,
      minLength: 1,
      maxLength: 5,
    },
  );
  await fc.assert(
    fc.asyncProperty(harms, async (chosen) => {
      const list = chosen.map(({ which, damage }) => [content[which] ?? '', damage, 0] as const);
      await damaged(list, async (root) => {
        const findings = short(await deeply(root)).filter((line) => !line.startsWith('mixed '));
        expect(findings).toEqual(list.map(([file, damage]) => `${kindOf(file, damage)} ${file}`).toSorted());
      });
    }),
    { numRuns: 40 },
  );
}, 120_000);

test('threads find what one finds', async () => {
  const harms = DAMAGES.map(
    (damage, at) => [files.filter((file) => file.includes('/blobs/'))[at] ?? '', damage, at] as const,
  );
  const document = files.find((file) => reached.has(file)) ?? '';
  await damaged([...harms, [document, 'flipped', 3]], async (root) => {
    await writeFile(path.join(root, 'stranger'), '');
    const alone = await deeply(root, { threads: 0 });
    const together = await deeply(root, { threads: 2 });
    expect(short(together)).toEqual(short(alone));
    expect({ ...together, findings: [] }).toEqual({ ...alone, findings: [] });
    expect(alone.errors).toBeGreaterThanOrEqual(DAMAGES.length);
  });
}, 60_000);

test('no pointer that was changed passes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(5000), async (at) => {
      await damaged([[POINTER_PATH, 'flipped', at]], async (root) => {
        expect((await deeply(root)).errors).toBeGreaterThan(0);
      });
    }),
    { numRuns: 40 },
  );
}, 60_000);
