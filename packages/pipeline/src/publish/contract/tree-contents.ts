import { buffer } from 'node:stream/consumers';
import { type Digest, digestOf } from '@gantry/oci';
import type { BlobStore } from '@gantry/store';
import { blobPath, encodeStatement, indexPath, manifestPath, type Statement } from '@gantry/tree';
import type { PoolContent } from '../compose-repository.ts';
import type { TreeTarget } from '../tree-target.ts';

// What the contract of a tree target puts into a tree, and how it looks at it.

export function statementOf(
  serial: number,
  root = 'root',
  previous: Statement['previous'] = null,
  tree = 'a tree',
): Uint8Array {
  return encodeStatement({
    tree,
    serial,
    previous,
    published: '2026-11-21T09:00:00Z',
    expires: '2026-11-28T09:00:00Z',
    root: digestOf(Buffer.from(root)),
    list: digestOf(Buffer.from('list')),
    full: null,
    signatures: [],
  }).bytes;
}

export function contentOf(bytes: Uint8Array): PoolContent {
  const digest = digestOf(bytes);
  return { path: blobPath(digest), digest, size: bytes.length };
}

export function documentOf(json: string): { path: string; bytes: Buffer } {
  const bytes = Buffer.from(json);
  return { path: indexPath(digestOf(bytes)), bytes };
}

export async function storeBlob(store: BlobStore, bytes: Uint8Array): Promise<PoolContent> {
  const object = contentOf(bytes);
  await using writer = await store.write(object.digest, object.size);
  if (bytes.length > 0) await writer.append(bytes);
  await writer.commit();
  return object;
}

export async function storeManifest(store: BlobStore, json: string): Promise<PoolContent> {
  const { digest, size } = await storeBlob(store, Buffer.from(json));
  return { path: manifestPath('oci-manifest', digest), digest, size };
}

export async function isWhole(target: TreeTarget, { path, digest, size }: PoolContent): Promise<boolean> {
  if ((await target.source.stat(path))?.size !== size) return false;
  return (await digestAt(target, path)) === digest;
}

async function digestAt(target: TreeTarget, path: string): Promise<Digest | undefined> {
  const stream = await target.source.open(path);
  return stream === undefined ? undefined : digestOf(await buffer(stream));
}

export async function bytesAt(target: TreeTarget, path: string): Promise<Buffer | undefined> {
  const bytes = await target.source.read(path, 1024 * 1024);
  return bytes === undefined ? undefined : Buffer.from(bytes);
}

export async function pathsOf({ source }: TreeTarget): Promise<string[]> {
  if (source.list === undefined) throw new Error(`${source.name} can not be listed`);
  return (await Array.fromAsync(source.list(''))).map(({ path }) => path).toSorted();
}
