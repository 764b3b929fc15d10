import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { directoryTree } from './directory-source.ts';
import type { Statement } from './documents.ts';
import { layTree } from './lay-tree.ts';
import { formatList, parseList } from './lists.ts';
import { openTree } from './open-tree.ts';
import { blobPath, indexPath, listPath, manifestPath, POINTER_PATH, shardOf } from './paths.ts';
import { encodeRepository } from './repository.ts';
import { encodeRoot } from './root.ts';
import { sampleImage, sampleIndex, sampleRepository } from './sample-content.fixture.ts';
import { encodeShard } from './shard.ts';
import { encodeStatement } from './statement.ts';
import { verifyTree, type VerifyOptions, type VerifyResult } from './verify.ts';

export const ONE = sampleImage('one');
export const TWO = sampleImage('two');
const LIST = sampleIndex('docker-list', [ONE, TWO]);
export const SIGNATURE = sampleImage('signature', { digest: ONE.digest, size: ONE.manifest.length });

export const PUBLISHED = Date.UTC(2026, 10, 21, 9);
export const NOW = { nowMs: PUBLISHED + 1000 };

export const LAYER = blobPath(digestOf(ONE.layer));
export const MANIFEST = manifestPath('oci-manifest', ONE.digest);

/** Three serials: images of every kind, a tag that moves, and a repository that comes and goes. */
export async function layHistory(directory: string): Promise<void> {
  const images = sampleRepository('fedora/httpd', { latest: ONE, '10': TWO });
  const whole = {
    ...images,
    tags: new Map([...images.tags, ['multi', LIST.digest]]),
    manifests: [...images.manifests, LIST.manifest, SIGNATURE.manifest],
    blobs: [...images.blobs, SIGNATURE.config, SIGNATURE.layer],
  };
  const lay = (repositories: Parameters<typeof layTree>[1]['repositories'], at: number) =>
    layTree(directory, { repositories, publishedMs: PUBLISHED + at });
  await lay([sampleRepository('gone', { x: sampleImage('gone') })], -2000);
  await lay([sampleRepository('fedora/httpd', { latest: TWO })], -1000);
  await lay([whole, sampleRepository('constructor', { parts: ONE })], 0);
}

/**
 * What a test does to the tree of {@link layHistory}: to damage it, or to publish what a publisher with a defect would.
 * @param root gives its directory
 */
export function tamperWith(root: () => string) {
  async function put(file: string, bytes: string | Uint8Array): Promise<void> {
    await mkdir(path.join(root(), path.dirname(file)), { recursive: true });
    await rm(path.join(root(), file), { force: true });
    await writeFile(path.join(root(), file), bytes);
  }

  async function get(file: string): Promise<Buffer> {
    return readFile(path.join(root(), file));
  }

  async function view() {
    const opened = await openTree(directoryTree(root()));
    if (opened === undefined) throw new Error('there is a tree');
    return opened;
  }

  async function documentPath(name: string): Promise<string> {
    const digest = await (await view()).repositoryDigest(name);
    if (digest === undefined) throw new Error('it is there');
    return indexPath(digest);
  }

  /** Puts another root, or another list, under the current serial, as a publisher with a defect would. */
  async function restate(change: Partial<Statement>): Promise<void> {
    const { statement } = await view();
    const encoded = encodeStatement({ ...statement, ...change });
    await put(encoded.path, encoded.bytes);
    await put(POINTER_PATH, encoded.bytes);
  }

  /** Puts documents into the pool, and into the list of the current serial. */
  async function addToPool(...files: { path: string; bytes: Uint8Array }[]): Promise<void> {
    const { serial } = (await view()).statement;
    const lines = parseList(await get(listPath(serial)), 'the list');
    for (const { path: file, bytes } of files) {
      await put(file, bytes);
      lines.push({
        op: '+',
        size: bytes.length,
        sha256: digestOf(bytes).slice('sha256:'.length),
        path: file,
      });
    }
    const list = formatList(lines);
    await put(listPath(serial), list);
    await restate({ list: digestOf(list) });
  }

  /** Publishes, with all that belongs to it, one repository whose document is changed. */
  async function publishDocument(
    name: string,
    change: Parameters<typeof encodeRepository>[0],
  ): Promise<void> {
    const { document, parts } = encodeRepository(change);
    const shard = encodeShard({ repositories: new Map([[name, document.digest]]) });
    const top = encodeRoot({ shards: new Map([[shardOf(name), shard.digest]]) });
    await addToPool(document, ...parts, shard, top);
    await restate({ root: top.digest });
  }

  async function httpd() {
    const document = await (await view()).repository('fedora/httpd');
    if (document === undefined) throw new Error('it is there');
    return document;
  }

  async function verify(options: VerifyOptions = {}): Promise<VerifyResult> {
    return verifyTree(directoryTree(root()), { ...NOW, ...options });
  }

  return { put, get, view, documentPath, restate, addToPool, publishDocument, httpd, verify };
}

/** The findings in short: `kind path`. */
export function short({ findings }: VerifyResult): string[] {
  return findings.map(({ kind, path: file }) => (file === undefined ? kind : `${kind} ${file}`)).toSorted();
}
