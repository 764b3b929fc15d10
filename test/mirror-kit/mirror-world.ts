import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf } from '@gantry/oci';
import {
  directoryTree,
  encodeStatement,
  formatList,
  listPath,
  openTree,
  POINTER_PATH,
  type Statement,
  verifyTree,
} from '@gantry/tree';
import { openPublishing } from '../fixtures/publishing.ts';
import { attempt } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

export const SCRIPT = fileURLToPath(new URL('../../scripts/mirror/gantry-mirror', import.meta.url));
export const NOW = '2026-11-21T09:00:00.000Z';
const AT = { nowMs: Date.parse(NOW) + 1000 };

let folder: TemporaryFolder;
/** The tree that is mirrored, and its mirror: of the test that runs. */
export let master: string;
export let mirror: string;

/** Each test has folders of its own. */
export function freshFolders(): void {
  beforeEach(async () => {
    folder = await temporaryFolder('mirror-kit');
    [master, mirror] = [path.join(folder.path, 'master'), path.join(folder.path, 'mirror')];
  });
  afterEach(() => folder[Symbol.asyncDispose]());
}

export const inFolder = (name: string) => path.join(folder.path, name);

/** Publishes `app:latest` as one after another of these. */
export async function publish(...tags: readonly string[]): Promise<void> {
  await using place = await openPublishing(
    {
      catalog: { sqlite: { file: inFolder('catalog.db') } },
      storage: { filesystem: { root: inFolder('store') } },
      tree: { filesystem: { root: master } },
    },
    NOW,
  );
  await place.sync();
  for (const tag of tags) {
    await place.promote(tag);
    await place.publisher.publishPending();
  }
}

export const copy = (source: string, ...options: readonly string[]) =>
  attempt('sh', [SCRIPT, ...options, source, mirror]);

/** All files of a tree, by name. */
export async function filesOf(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter((name) => !name.startsWith('.tmp'))
    .toSorted();
}

export const pool = async (root: string) => (await filesOf(root)).filter((name) => name.startsWith('pool/'));
export const serialOf = async (root: string) => (await openTree(directoryTree(root)))?.statement.serial;

/** @param options early: what the next serial brings may be there already */
export async function expectWhole(root: string, { early = false } = {}): Promise<void> {
  const { findings } = await verifyTree(directoryTree(root), { ...AT, deep: true });
  const known = findings.filter(
    ({ path: name, kind }) => name?.startsWith('.tmp/') === true || (early && kind === 'extra'),
  );
  expect(findings.filter((finding) => !known.includes(finding))).toEqual([]);
}

/** Puts the next serial by hand: with this list, and the current root unless told. */
export async function restate(lines: Parameters<typeof formatList>[0], change: Partial<Statement> = {}) {
  const view = await openTree(directoryTree(master));
  if (view === undefined) throw new Error('there is a tree');
  const serial = view.statement.serial + 1;
  const list = formatList(lines);
  const statement = { ...view.statement, serial, list: digestOf(list), ...change };
  const encoded = encodeStatement({
    ...statement,
    previous: change.previous ?? { serial: view.statement.serial, digest: view.digest },
  });
  await writeFile(path.join(master, listPath(serial)), list);
  await writeFile(path.join(master, encoded.path), encoded.bytes);
  await chmod(path.join(master, POINTER_PATH), 0o644);
  await writeFile(path.join(master, POINTER_PATH), encoded.bytes);
}

/** A program of that name which does something before it is the real one. */
export async function wrap(program: string, before: string): Promise<NodeJS.ProcessEnv> {
  const bin = path.join(folder.path, 'bin');
  await mkdir(bin, { recursive: true });
  const place = (await attempt('sh', ['-c', `command -v ${program}`])).stdout.trim();
  await writeFile(path.join(bin, program), `#!/bin/sh\n${before}\nexec ${place} "$@"\n`, { mode: 0o755 });
  return { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
}
