import { createHash } from 'node:crypto';
import type { Catalog } from '@gantry/catalog';
import { type Digest, splitDigest } from '@gantry/oci';
import { readContentGraph } from '../content-graph.ts';
import type { HeldLease } from '../hold-lease.ts';
import type { TouchedRepository } from './apply-promotions.ts';
import { type ChangePart, type ChangeRequest, composeChange, type TreeChange } from './compose-change.ts';
import { objectsOf } from './compose-repository.ts';
import { isLostRecord } from './compose-moves.ts';
import { MendableView } from './mendable-view.ts';
import { NewObjects } from './new-objects.ts';
import type { PublishContext } from './published-tree.ts';
import { type Mending, putContents, whatIsToBePut } from './put-contents.ts';

/** What is to be composed and put. */
export interface PutRequest extends ChangeRequest {
  /** Whether all that is composed is put, and not just what is new. */
  readonly full: boolean;
  /** Has what is in the tree read, where that is needed to know whether it is whole. Told what can't be put right. */
  readonly onUnmended?: Mending['onUnmended'];
  /** Paths that leave the pool, but for what is named. */
  readonly leaving: readonly string[];
  /** Ends it between two parts. */
  readonly signal?: AbortSignal | undefined;
}

/** A change whose objects and documents are in the tree. Nothing names its root yet. */
export interface PutChange extends TreeChange {
  /** What comes into the pool with it. */
  readonly added: NewObjects;
  /** Those paths that leave the pool which it does not name. */
  readonly leaving: readonly string[];
  /** Paths that it names which are in the pool, and are condemned there. */
  readonly condemnedNamed: readonly string[];
}

/**
 * Composes what is to be published, and puts it, part after part: each is in the tree before the next one is composed, and
 * of it just the digests of its documents and what is new stays. What was put by one that ends in between is named by
 * nothing, and harms nothing.
 * @throws Fault LEASE_LOST, asked for between two parts; the signal's reason
 */
export async function putChange(
  context: PublishContext,
  lease: Pick<HeldLease, 'confirm'>,
  request: PutRequest,
  serial: number,
): Promise<PutChange> {
  const { store, catalog } = context.flow;
  const again = await pathsAgain(catalog, request.touched);
  const added = new NewObjects(serial);
  const leaving = new Set(request.leaving);
  const condemnedNamed = new Set<string>();
  const sha256Of = sha256Reader(store);
  const put = async (part: ChangePart) => {
    for (const { path } of part.contents) leaving.delete(path);
    for (const { path } of part.documents) leaving.delete(path);
    for (const path of part.condemnedNamed) condemnedNamed.add(path);
    for (const { path, digest, size } of part.newContents)
      added.add({ path, size, sha256: await sha256Of(digest) });
    for (const { path, digest, bytes } of part.newDocuments)
      added.add({ path, size: bytes.length, sha256: splitDigest(digest).hex });
    const hasLost = request.view instanceof MendableView && request.view.lost.size > 0;
    const newPaths = new Set(part.newContents.map(({ path }) => path));
    const { onUnmended } = request;
    const mending = onUnmended && { isNew: (path: string) => newPaths.has(path), onUnmended };
    await putContents(context, ...whatIsToBePut(part, again, hasLost, request.full), mending);
    if (part.isLast) return;
    await lease.confirm();
    request.signal?.throwIfAborted();
  };
  const change = await composeChange(context, request, serial, put);
  return { ...change, added, leaving: [...leaving], condemnedNamed: [...condemnedNamed] };
}

/** Paths of what is promoted once more. */
async function pathsAgain(
  catalog: Catalog,
  touched: readonly TouchedRepository[],
): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  for (const { again } of touched) {
    if (again === undefined || again.size === 0) continue;
    try {
      for (const { path } of objectsOf(await readContentGraph(catalog, again))) paths.add(path);
    } catch (error) {
      if (!isLostRecord(error)) throw error; // since it was accepted: it can't be put back now, and holds up nothing
    }
  }
  return paths;
}

/** Lists name every object by its SHA-256. One with another digest is read for it, once in its life. */
function sha256Reader(store: PublishContext['flow']['store']): (digest: Digest) => Promise<string> {
  const read = new Map<Digest, string>();
  return async (digest) => {
    const { algorithm, hex } = splitDigest(digest);
    const known = algorithm === 'sha256' ? hex : read.get(digest);
    if (known !== undefined) return known;
    const hash = createHash('sha256');
    for await (const chunk of (await store.open(digest)) as AsyncIterable<Buffer>) hash.update(chunk);
    const sha256 = hash.digest('hex');
    read.set(digest, sha256);
    return sha256;
  };
}
