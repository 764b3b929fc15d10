import { AUDIT_ORIGIN, type AuditEntry, type CatalogEntry, chain } from '@gantry/catalog';
import { type Digest, digestOf } from '@gantry/oci';

// What a catalog of any size holds when it is measured: the same each time.

export const TAGS_A_REPOSITORY = 100;
/** Of so many tags one has a manifest's record and a test result. */
export const TAGS_A_MANIFEST = 10;
export const SOURCE = 'candidates';
const DAY = Date.UTC(2026, 10, 21);

export const digestAt = (number: number): Digest => digestOf(`digest ${number}`);
const timeAt = (number: number) => new Date(DAY + number * 1000).toISOString();
export const repositoryAt = (number: number) => {
  const index = Math.floor(number / TAGS_A_REPOSITORY);
  return `group-${index % 50}/app-${index}`;
};
export const tagAt = (number: number) => `v1.${number % TAGS_A_REPOSITORY}`;

/**
 * So many tags, a hundred a repository, each a candidate and in a channel; for each repository a promotion, a waiver, a
 * token and an entry of the audit log; for every tenth tag a manifest's record and a test result.
 */
export async function* entries(tags: number): AsyncGenerator<CatalogEntry> {
  for (let number = 0; number < tags; number += TAGS_A_MANIFEST)
    yield { noun: 'manifests', record: manifestAt(number) };
  for (const number of Array(tags).keys())
    yield { noun: 'candidates', record: candidateAt(repositoryAt(number), number) };
  for (const number of Array(tags).keys())
    yield { noun: 'channels', record: channelTagAt(repositoryAt(number), number) };
  for (const index of Array(tags / TAGS_A_REPOSITORY).keys()) {
    const record = { ...promotionAt(`p${index}`, index), sequence: index + 1, revision: 1 };
    yield { noun: 'promotions', record };
  }
  for (let number = 0; number < tags; number += TAGS_A_MANIFEST)
    yield { noun: 'results', record: resultAt(number) };
  for (let number = 0; number < tags; number += TAGS_A_REPOSITORY)
    yield { noun: 'waivers', record: waiverAt(number) };
  for (let number = 0; number < tags; number += TAGS_A_REPOSITORY)
    yield { noun: 'tokens', record: tokenAt(number) };
  let last: AuditEntry | undefined;
  for (let number = 0; number < tags; number += TAGS_A_REPOSITORY) {
    last = chain(last ?? AUDIT_ORIGIN, factAt(number));
    yield { noun: 'audit', record: last };
  }
}

/** An image of five layers, of which the first is one of a hundred base images'. */
function manifestAt(number: number) {
  const names = [`base ${number % 100}`, ...['config', 'a', 'b', 'c', 'd'].map((of) => `${of} ${number}`)];
  return {
    digest: digestAt(number),
    kind: 'oci-manifest' as const,
    size: 900,
    manifests: [],
    blobs: names.map((name) => ({ digest: digestOf(name), size: 10_485_760 })),
  };
}

/** The last layer of a tag's image, if it has a record. */
export const layerAt = (number: number): Digest => digestOf(`d ${number}`);

function resultAt(number: number) {
  return {
    id: `r${number}`,
    digest: digestAt(number),
    testcase: 'boot',
    outcome: 'PASSED' as const,
    source: 'ci',
    groups: [],
    data: {},
    submittedBy: 'bench',
    submittedAt: timeAt(number),
  };
}

function waiverAt(number: number) {
  return {
    id: `w${number}`,
    channel: 'stable',
    digest: digestAt(number),
    gate: 'tests',
    reason: 'bench',
    author: 'bench',
    createdAt: timeAt(number),
    expiresAt: '2099-01-01T00:00:00.000Z',
  };
}

function tokenAt(number: number) {
  const [scopes, groups, hash] = [['read'], [], ''.padStart(64, '0')];
  return {
    id: `t${number}`,
    name: `n${number}`,
    hash,
    scopes,
    groups,
    createdBy: 'bench',
    createdAt: timeAt(number),
  };
}

export function factAt(number: number) {
  return {
    at: timeAt(number),
    actor: 'bench',
    via: 'api' as const,
    action: 'createPromotion',
    target: `p${number}`,
    outcome: 'done' as const,
  };
}

export function candidateAt(repository: string, number: number) {
  return {
    source: SOURCE,
    sourceRepository: `candidate/${repository}`,
    repository,
    tag: tagAt(number),
    digest: digestAt(number),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    platforms: ['linux/amd64', 'linux/arm64'],
    size: 52_428_800,
    labels: { 'org.opencontainers.image.version': String(number) },
    syncedAt: timeAt(number),
    companions: [],
    referrers: [],
  };
}

export function promotionAt(id: string, number: number) {
  const createdAt = timeAt(number);
  const [kind, to, state] = ['promote', 'stable', 'done'] as const;
  return { id, kind, to, state, atomic: false, items: [], requestedBy: 'bench', timeline: [], createdAt };
}

export function channelTagAt(repository: string, number: number) {
  const { tag, digest, companions, referrers } = candidateAt(repository, number);
  const promotedAt = timeAt(number);
  return { channel: 'stable', repository, tag, digest, promotion: 'p', promotedAt, companions, referrers };
}
