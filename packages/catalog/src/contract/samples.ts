import { type Digest, digestOf } from '@gantry/oci';
import type { AuditFact, Purge, TokenRecord } from '../access.ts';
import type { Page, PageRequest } from '../catalog.ts';
import type { Confirmation, MirrorState } from '../confirmations.ts';
import type { Report, Result, Waiver } from '../evidence.ts';
import type { Plan } from '../plans.ts';
import type {
  Candidate,
  ChannelTag,
  Failure,
  ManifestRecord,
  OutboxEvent,
  PoolObject,
  Promotion,
  Publication,
  Task,
} from '../records.ts';
import type { Retraction } from '../retractions.ts';

/** A digest that goes by a name. */
export function digest(name: string): Digest {
  return digestOf(name);
}

/** A time in the sample day, `second` seconds after its begin. */
export function time(second: number): string {
  return new Date(Date.UTC(2026, 10, 21) + second * 1000).toISOString();
}

/** Names that a JavaScript object has already; a record may use them as its own. */
export const AWKWARD_NAMES: Readonly<Record<string, string>> = JSON.parse(
  '{"__proto__":"a","constructor":"b","toString":"c","hasOwnProperty":"d","":"e","10":"f","ключ\\u0000":"g"}',
) as Record<string, string>;

export function manifest(name: string, also: Partial<ManifestRecord> = {}): ManifestRecord {
  return { digest: digest(name), kind: 'oci-manifest', size: 900, manifests: [], blobs: [], ...also };
}

export function candidate(also: Partial<Candidate> = {}): Candidate {
  return {
    source: 'candidates',
    sourceRepository: 'candidate/app',
    repository: 'app',
    tag: 'latest',
    digest: digest('one'),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    platforms: ['linux/amd64'],
    size: 52_428_800,
    labels: {},
    syncedAt: time(0),
    companions: [],
    referrers: [],
    ...also,
  };
}

export function failure(also: Partial<Failure> = {}): Failure {
  return {
    source: 'candidates',
    sourceRepository: 'candidate/app',
    repository: 'app',
    tag: 'latest',
    problem: { type: 'urn:gantry:problem:source-failed', title: 'x', status: 502, detail: 'answered 500' },
    attempts: 1,
    firstAt: time(0),
    lastAt: time(0),
    retryAt: time(60),
    ...also,
  };
}

export function channelTag(also: Partial<ChannelTag> = {}): ChannelTag {
  return {
    channel: 'stable',
    repository: 'app',
    tag: 'latest',
    digest: digest('one'),
    promotion: 'p1',
    promotedAt: time(0),
    companions: [],
    referrers: [],
    ...also,
  };
}

export function promotion(
  id: string,
  also: Partial<Promotion> = {},
): Omit<Promotion, 'sequence' | 'revision'> {
  return {
    id,
    kind: 'promote',
    to: 'stable',
    state: 'queued',
    atomic: false,
    items: [],
    requestedBy: 'test',
    timeline: [],
    createdAt: time(0),
    ...also,
  };
}

export function publication(serial: number, also: Partial<Publication> = {}): Publication {
  return {
    tree: 'public',
    serial,
    state: 'preparing',
    root: digest(`root ${serial}`),
    promotions: [],
    added: { objects: 0, bytes: 0 },
    publishedAt: time(serial),
    ...also,
  };
}

export function poolObject(path: string, also: Partial<PoolObject> = {}): PoolObject {
  return { path, size: 10, sha256: digest(path).slice('sha256:'.length), since: 1, ...also };
}

export function confirmation(serial: number, mirror: string, also: Partial<Confirmation> = {}): Confirmation {
  return { tree: 'public', serial, mirror, state: 'late', sampled: 0, at: time(0), ...also };
}

export function mirrorState(mirror: string, also: Partial<MirrorState> = {}): MirrorState {
  return {
    mirror,
    tree: 'public',
    url: `https://${mirror}.example`,
    lookedAt: time(0),
    since: time(0),
    ...also,
  };
}

export function task(id: string, also: Partial<Task> = {}): Omit<Task, 'revision'> {
  return {
    id,
    kind: 'sync',
    parameters: { source: 'candidates' },
    state: 'queued',
    progress: { bytes: 0, blobs: 0, tags: 0 },
    errors: [],
    createdAt: time(0),
    ...also,
  };
}

export function plan(id: string, also: Partial<Plan> = {}): Plan {
  return {
    id,
    etag: digest(id),
    to: 'stable',
    atomic: false,
    items: [],
    totals: { adds: 0, moves: 0, noops: 0, refusals: 0, objects: 0, bytes: 0 },
    requestedBy: 'test',
    createdAt: time(0),
    expiresAt: time(60),
    ...also,
  };
}

export function result(id: string, also: Partial<Result> = {}): Result {
  return {
    id,
    digest: digest('one'),
    testcase: 'boot',
    outcome: 'PASSED',
    source: 'ci',
    groups: [],
    data: {},
    submittedBy: 'test',
    submittedAt: time(0),
    ...also,
  };
}

export function report(id: string, also: Partial<Report> = {}): Report {
  return {
    id,
    digest: digest('one'),
    format: 'trivy',
    scanner: 'Trivy',
    source: 'ci',
    findings: [],
    counts: { critical: 0, high: 0, medium: 0, low: 0, negligible: 0, unknown: 0 },
    content: digest(`report ${id}`),
    submittedBy: 'test',
    submittedAt: time(0),
    ...also,
  };
}

export function waiver(id: string, also: Partial<Waiver> = {}): Waiver {
  return {
    id,
    channel: 'stable',
    digest: digest('one'),
    gate: 'tests',
    reason: 'known',
    author: 'test',
    createdAt: time(0),
    expiresAt: time(60),
    ...also,
  };
}

export function tokenRecord(id: string, also: Partial<TokenRecord> = {}): TokenRecord {
  return {
    id,
    name: `name of ${id}`,
    hash: digest(id).slice('sha256:'.length),
    scopes: ['read'],
    groups: [],
    createdBy: 'test',
    createdAt: time(0),
    ...also,
  };
}

export function auditFact(target: string, also: Partial<AuditFact> = {}): AuditFact {
  return {
    at: time(0),
    actor: 'test',
    via: 'api',
    action: 'createPromotion',
    target,
    outcome: 'done',
    ...also,
  };
}

export function purge(name: string, also: Partial<Purge> = {}): Purge {
  return { digest: digest(name), reason: 'leaked', by: 'test', at: time(0), task: 't1', ...also };
}

export function retraction(also: Partial<Retraction> = {}): Retraction {
  return {
    channel: 'stable',
    repository: 'app',
    tag: 'latest',
    promotion: `p${also.sequence ?? 1}`,
    sequence: 1,
    ...also,
  };
}

/** An event that has befallen a record; its id is made of the record's key and that. */
export function eventOf(
  record: OutboxEvent['record'],
  what: string,
  also: Partial<OutboxEvent> = {},
): OutboxEvent {
  const id = `${record.noun}/${record.key}/${what}`;
  return {
    id,
    type: what,
    subject: record.key,
    time: time(0),
    data: { record: record.key },
    record,
    ...also,
  };
}

/** All items of a list, page by page. `between` runs after each page. */
export async function allPages<T>(
  list: (page: PageRequest) => Promise<Page<T>>,
  limit: number,
  between: () => Promise<void> = async () => {},
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await list(cursor === undefined ? { limit } : { limit, cursor });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    items.push(...page.items);
    if (page.next === null) return items;
    expect(page.items).toHaveLength(limit); // a page that is not the last one is full
    cursor = page.next;
    await between();
  }
}

/**
 * Asserts that a list gives what it should for every set of filters, in pages of any size.
 * @param newestFirst all that there is, in the order of the list
 * @param filters by name: a value to ask for, and whether an item is what was asked for
 */
export async function listsByFilters<T, Q extends PageRequest>(
  list: (query: Q) => Promise<Page<T>>,
  newestFirst: readonly T[],
  filters: {
    readonly [F in Exclude<keyof Q, keyof PageRequest>]-?: readonly [value: Q[F], fits: (item: T) => boolean];
  },
): Promise<void> {
  const all = Object.entries(filters) as [string, readonly [unknown, (item: T) => boolean]][];
  for (let set = 0; set < 2 ** all.length; set++) {
    const given = all.filter((_, at) => set & (1 << at));
    const query = Object.fromEntries(given.map(([name, [value]]) => [name, value]));
    const expected = newestFirst.filter((item) => given.every(([, [, fits]]) => fits(item)));
    for (const limit of [1, 3, 100])
      expect(await allPages((page) => list({ ...query, ...page } as Q), limit)).toEqual(expected);
  }
  await refusesBadPages((page) => list(page as Q));
}

const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Asserts that a list refuses cursors that no page of it gave, and limits that are none. */
export async function refusesBadPages(list: (page: PageRequest) => Promise<unknown>): Promise<void> {
  const bad = ['', 'x', '!!!', 'ä', forged({}), forged([]), forged(['another list', 1]), 'A'.repeat(100_000)];
  for (const cursor of bad) {
    await expect(list({ limit: 10, cursor })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  }
  for (const limit of [0, -1, 1.5, Number.NaN, Infinity]) {
    await expect(list({ limit })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  }
}
