import { randomBytes } from 'node:crypto';
import type { Promotion, Publication } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import { encodeStatement, signStatement, type Statement, treeTime, type TreeView } from '@gantry/tree';
import { publicationEvents } from '../events/publication-events.ts';
import type { HeldLease } from '../hold-lease.ts';
import { cleanChannels } from '../take-back/clean-channels.ts';
import { findNaming } from '../take-back/clean-documents.ts';
import { leaveOutPurged } from '../take-back/leave-out-purged.ts';
import type { PurgedContent } from '../take-back/purged-content.ts';
import { pathsInPool, removeObjects } from '../take-back/purged-objects.ts';
import { applyPromotions, type TouchedRepository, waitingPromotions } from './apply-promotions.ts';
import { endPromotions } from './end-promotions.ts';
import { findLost } from './find-lost.ts';
import { mustStaySigned } from './must-stay-signed.ts';
import { type PublishContext, publishedName, STATEMENT_VALID_MS } from './published-tree.ts';
import { type PutChange, putChange, type PutRequest } from './put-change.ts';
import { recoverTree } from './recover.ts';
import { allRepositories, distinct, mend } from './touched-repositories.ts';
import { removeOldFullList, writeFullListIfDue, writeList } from './write-lists.ts';

/** What a publication does beside publishing what waits. */
export interface PublishRequest {
  /** Looks at every repository of every channel, not just at what was promoted, and puts back what is missing or damaged. */
  readonly full?: boolean;
  /** Goes: out of every channel and every document, and its object out of the pool and off the disk. */
  readonly purged?: PurgedContent;
  /** Asked what leaves the pool of the state that is gone on from, once the lease is held and the tree is recovered. */
  readonly collect?: (view: TreeView) => Promise<Leaving>;
  /** Ends a large one before its next part. */
  readonly signal?: AbortSignal | undefined;
}

/** What a collection takes out of a tree. */
export interface Leaving {
  /** Paths of the pool. What the publication itself names of them stays. */
  readonly paths: readonly string[];
  /** To be composed anew: they name what they need not any more. */
  readonly touched: readonly TouchedRepository[];
}

/** What a call of publish has come to. */
export interface PublishOutcome {
  /** The tree's serial now; undefined while it has none. */
  readonly serial?: number;
  /** Whether that serial is new. */
  readonly published: boolean;
  /** What is damaged or missing in the tree, and could not be put right; absent: it was not looked for, or there is nothing. */
  readonly unmended?: readonly Fault[];
}

/**
 * Publishes what waits, as one serial. The order makes a crash harmless at any step: objects, documents, lists, the
 * statement that claims the serial, and the pointer last, each durable before the next; the catalog follows the tree.
 * @throws Fault LEASE_LOST when another publisher came in between; CONFIGURATION_INVALID when the tree is signed and no key
 * is set; STORAGE_FULL; whatever the store or catalog throws
 */
export async function publish(
  context: PublishContext,
  lease: HeldLease,
  { full = false, purged, collect, signal }: PublishRequest = {},
): Promise<PublishOutcome> {
  const { flow, tree } = context;
  const { view, highestSerial } = await recoverTree(context, lease);
  mustStaySigned(tree, view?.statement);
  const waiting = await leaveOutPurged(flow, await waitingPromotions(flow, tree));
  const { promotions, touched: applied } = await applyPromotions(flow, tree, waiting, lease);
  const naming = purged && (await takeOut(context, view, purged, lease));
  const leaving = view && (await collect?.(view));
  const touched = [
    ...(leaving?.touched ?? []),
    ...(naming?.touched ?? []),
    ...(full ? await allRepositories(context) : applied),
  ];

  const unmended = new Map<string, Fault>();
  const wanted: Wanted = {
    view,
    touched: distinct(touched.filter(({ channel }) => channel.publish)),
    first: Math.max(view?.statement.serial ?? 0, highestSerial) + 1,
    full,
    ...(full && { onUnmended: (fault: Fault) => void unmended.set(fault.message, fault) }),
    ...(purged !== undefined && { purged }),
    leftOver: naming?.leftOver ?? [],
    leaving: leaving?.paths ?? [],
    signal,
  };
  const prepared = await prepare(context, lease, wanted);
  const stillUnmended = async (): Promise<Pick<PublishOutcome, 'unmended'>> => {
    if (!full) return {};
    const composed = new Set(wanted.touched.map((one) => publishedName(one.channel, one.repository)));
    for (const fault of await findLost(context, composed)) wanted.onUnmended?.(fault);
    for (const err of unmended.values()) flow.log.error({ tree: tree.name, err }, 'publication.not_mended');
    return unmended.size === 0 ? {} : { unmended: [...unmended.values()] };
  };
  if (prepared === undefined) {
    const serial = view?.statement.serial;
    if (purged !== undefined) await removeObjects(context, lease, purged);
    await endAll(context, promotions, serial);
    return { ...(serial === undefined ? {} : { serial }), published: false, ...(await stillUnmended()) };
  }
  const { change, removed, statement } = prepared;
  const { added } = change;
  const { serial } = statement;
  const publication: Publication = {
    tree: tree.name,
    serial,
    state: 'preparing',
    root: change.root,
    promotions: idsOf(promotions),
    added: added.totals(),
    publishedAt: flow.now().toISOString(),
  };
  await flow.catalog.publications.put(publication);
  // Before the claim: what a serial names is condemned no more, whoever completes it.
  await spareNamed(context, change);
  const { bytes } = encodeStatement(statement);
  await lease.confirm();
  if (!(await tree.target.claim(serial, bytes))) {
    throw new Fault(
      'LEASE_LOST',
      `serial ${serial} of ${tree.target.source.name} was claimed by another publisher`,
      { serial },
    );
  }
  await lease.confirm();
  await tree.target.movePointer(bytes);

  // Before the pool, whose serial tells the next run from where on to catch up with the tree.
  const published: Publication = { ...publication, state: 'published' };
  await flow.catalog.publications.put(published, publicationEvents(publication, published));
  await flow.catalog.pool.apply(tree.name, serial, added, removed);
  if (purged !== undefined) await removeObjects(context, lease, purged);
  flow.log.info(
    {
      tree: tree.name,
      serial,
      root: change.root,
      ...publication.added,
      removed: removed.length,
      promotions: promotions.length,
    },
    'publication.done',
  );
  await endAll(context, promotions, serial);
  await removeOldFullList(context, statement, view?.statement);
  return { serial, published: true, ...(await stillUnmended()) };
}

interface Wanted extends PutRequest {
  /** The first serial that may be free. */
  readonly first: number;
}

/** A publication that is in the tree, all but its statement. */
interface Prepared {
  readonly change: PutChange;
  /** Paths that leave the pool. */
  readonly removed: readonly string[];
  readonly statement: Statement;
}

/**
 * Puts all that a new serial is to name. A serial whose lists are there already, and are others, is passed over: they may
 * be of a publisher that goes on, and claims it.
 * @returns undefined when there is nothing to publish
 */
async function prepare(
  context: PublishContext,
  lease: HeldLease,
  wanted: Wanted,
): Promise<Prepared | undefined> {
  const { view, first, purged } = wanted;
  const purgedPaths = purged === undefined ? [] : await pathsInPool(context, purged);
  const mended = view && (await mend(context, view, wanted.touched));
  for (let serial = first; ; serial++) {
    const change = await putChange(context, lease, { ...wanted, ...mended }, serial);
    const removed = [...new Set([...purgedPaths, ...change.leaving])];
    const isSame = !change.changed && removed.length === 0;
    if (isSame && (view === undefined ? purged !== undefined : !isRefreshDue(context, view.statement)))
      return undefined;
    const statement = await nameAll(context, view, change, removed, serial);
    if (statement !== undefined) return { change, removed, statement };
    await lease.confirm();
    context.flow.log.warn({ tree: context.tree.name, serial }, 'publication.serial_passed_over');
  }
}

/** What is named again must not go, however long it has been condemned. */
async function spareNamed({ flow, tree }: PublishContext, { condemnedNamed }: PutChange): Promise<void> {
  if (condemnedNamed.length > 0) await flow.catalog.pool.spare(tree.name, condemnedNamed);
}

/** Takes what is purged out of the channels. @returns the repositories that name it in the tree, or have named it in a channel */
async function takeOut(
  context: PublishContext,
  view: TreeView | undefined,
  purged: PurgedContent,
  lease: HeldLease,
): Promise<Pick<Wanted, 'touched' | 'leftOver'>> {
  const { flow, tree } = context;
  const cleaned = await cleanChannels(flow, tree, purged, lease);
  const { touched, leftOver } = await findNaming(context, view, purged);
  const inChannels = cleaned.flatMap(({ channel: name, repository }) => {
    const channel = tree.channels.find((one) => one.name === name);
    return channel === undefined ? [] : [{ channel, repository }];
  });
  return { touched: [...touched, ...inChannels], leftOver };
}

/** Also when a key was added since: what the present statement lacks, readers may ask for. */
function isRefreshDue({ flow, tree }: PublishContext, statement: Statement): boolean {
  const signedBy = new Set(statement.signatures.map(({ keyid }) => keyid));
  if (tree.signing?.some(({ keyid }) => !signedBy.has(keyid)) === true) return true;
  return flow.now().getTime() - Date.parse(statement.published) >= tree.refreshMs;
}

/**
 * Puts the lists of what was put.
 * @returns the statement of the new serial; undefined when it has other lists already
 */
async function nameAll(
  context: PublishContext,
  view: TreeView | undefined,
  { root, added }: PutChange,
  removed: readonly string[],
  serial: number,
): Promise<Statement | undefined> {
  const { flow, tree } = context;
  const list = await writeList(context, serial, added, removed);
  if (list === undefined) return undefined;
  const fullList = await writeFullListIfDue(context, serial, { added, removed }, view?.statement);
  if (fullList === undefined) return undefined;
  await tree.target.settle();
  const now = flow.now().getTime();
  const statement: Statement = {
    tree: view?.statement.tree ?? randomBytes(16).toString('hex'),
    serial,
    previous: view === undefined ? null : { serial: view.statement.serial, digest: view.digest },
    published: treeTime(now),
    expires: treeTime(now + STATEMENT_VALID_MS),
    root,
    list,
    full: fullList,
    signatures: [],
  };
  return signStatement(statement, tree.signing ?? []);
}

/** A promotion into channels that are kept out of the tree has no serial. */
async function endAll(
  context: PublishContext,
  promotions: readonly Promotion[],
  serial: number | undefined,
): Promise<void> {
  const inTree = new Set(
    context.tree.channels.filter(({ publish: isPublished }) => isPublished).map(({ name }) => name),
  );
  const isSeen = ({ items }: Promotion) => items.some(({ channel }) => inTree.has(channel));
  await endPromotions(context, {
    promotions: idsOf(promotions.filter(isSeen)),
    ...(serial === undefined ? {} : { serial }),
  });
  await endPromotions(context, { promotions: idsOf(promotions.filter((one) => !isSeen(one))) });
}

function idsOf(promotions: readonly Promotion[]): string[] {
  return promotions.map(({ id }) => id);
}
