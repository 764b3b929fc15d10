import type { CatalogEntry } from '@gantry/catalog';
import { type Digest, digestOf } from '@gantry/oci';

// What a catalog of any size holds when it is measured: the same each time.

export const TAGS_A_REPOSITORY = 100;
export const SOURCE = 'candidates';
const DAY = Date.UTC(2026, 10, 21);

export const digestAt = (number: number): Digest => digestOf(`digest ${number}`);
const timeAt = (number: number) => new Date(DAY + number * 1000).toISOString();
export const repositoryAt = (number: number) => {
  const index = Math.floor(number / TAGS_A_REPOSITORY);
  return `group-${index % 50}/app-${index}`;
};
export const tagAt = (number: number) => `v1.${number % TAGS_A_REPOSITORY}`;

/** So many tags, a hundred a repository, each a candidate and in a channel; a promotion for each repository. */
export async function* entries(tags: number): AsyncGenerator<CatalogEntry> {
  for (const number of Array(tags).keys())
    yield { noun: 'candidates', record: candidateAt(repositoryAt(number), number) };
  for (const number of Array(tags).keys())
    yield { noun: 'channels', record: channelTagAt(repositoryAt(number), number) };
  for (const index of Array(tags / TAGS_A_REPOSITORY).keys()) {
    const record = { ...promotionAt(`p${index}`, index), sequence: index + 1, revision: 1 };
    yield { noun: 'promotions', record };
  }
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
