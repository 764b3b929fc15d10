import {
  Descriptor,
  type Digest,
  Fault,
  GRAPH_MAX_MANIFESTS,
  MANIFEST_MAX_BYTES,
  manifestKind,
  MANIFEST_MEDIA_TYPES,
  parseStrictJson,
} from '@gantry/oci';
import { readError, type Subject } from './answer-faults.ts';
import { dropBody, readBody } from './body.ts';
import { followPages } from './listing.ts';
import type { Source } from './options.ts';
import type { ReferrersOptions } from './registry.ts';
import { at } from './source-faults.ts';
import type { Transport } from './transport.ts';
import { type Answer, header } from './wire.ts';

/** How long it is remembered that a registry has no referrers API. */
const ABSENCE_MS = 3_600_000;
/** All pages of one list together. */
const LIST_MAX_BYTES = 16 * MANIFEST_MAX_BYTES;

/** Reads a subject's referrers by the API; undefined when the registry has none (distribution-spec, "Listing Referrers"). */
export type ReadReferrers = (
  repository: string,
  digest: Digest,
  options: ReferrersOptions,
) => Promise<Descriptor[] | undefined>;

export function createReferrersReader(source: Source, transport: Transport): ReadReferrers {
  let absentUntilMs = 0;
  let isPresent = false;
  let learning: Promise<unknown> | undefined;

  const ask = async (repository: string, digest: Digest, { artifactType, signal }: ReferrersOptions) => {
    const subject: Subject = { repository, digest };
    const filter = artifactType === undefined ? '' : `?${new URLSearchParams({ artifactType }).toString()}`;
    const found: Descriptor[] = [];
    let leftBytes = LIST_MAX_BYTES;
    let isFirst = true;
    const pages = followPages(source, transport, {
      kind: 'referrers',
      path: `/v2/${repository}/referrers/${digest}${filter}`,
      scope: `repository:${repository}:pull`,
      subject,
      headers: { accept: MANIFEST_MEDIA_TYPES['oci-index'] },
      expected: [200, 404, 405],
      read: (answer) => readPage(source, subject, answer),
      signal,
    });
    for await (const page of pages) {
      if ('absent' in page) {
        if (!isFirst) throw bad(source, subject, 'breaks off: one of its pages is not there');
        if (page.absent === 'API') {
          isPresent = false;
          absentUntilMs = source.clock.now() + ABSENCE_MS;
        }
        return undefined;
      }
      isFirst = false;
      leftBytes -= page.bytes;
      if (leftBytes < 0) throw bad(source, subject, `has more than ${LIST_MAX_BYTES} bytes`);
      for (const each of page.descriptors) {
        // A registry that can't filter sends all ("OCI-Filters-Applied" is then absent).
        if (artifactType === undefined || each.artifactType === artifactType) found.push(each);
      }
      if (found.length > GRAPH_MAX_MANIFESTS) {
        throw bad(source, subject, `has more than ${GRAPH_MAX_MANIFESTS} entries`);
      }
    }
    isPresent = true;
    return found;
  };

  return async (repository, digest, options) => {
    const isKnown = () => isPresent || source.clock.now() < absentUntilMs;
    // While nothing is known, one asks and the others wait to hear.
    if (!isKnown() && learning !== undefined) await learning;
    if (!isPresent && source.clock.now() < absentUntilMs) return undefined;
    if (isPresent) return ask(repository, digest, options);
    const asking = ask(repository, digest, options);
    learning = asking.catch(() => undefined).finally(() => (learning = undefined));
    return asking;
  };
}

type Page =
  | { readonly descriptors: readonly Descriptor[]; readonly bytes: number }
  /** The API as a whole, or just what was asked for. */
  | { readonly absent: 'API' | 'subject' };

async function readPage(source: Source, subject: Subject, answer: Answer): Promise<Page> {
  if (answer.status === 404) {
    const code = (await readError(answer))?.code;
    return { absent: code === 'NAME_UNKNOWN' || code === 'MANIFEST_UNKNOWN' ? 'subject' : 'API' };
  }
  const contentType = header(answer, 'content-type') ?? '';
  if (answer.status !== 200 || manifestKind(contentType) !== 'oci-index') {
    dropBody(answer);
    return { absent: 'API' };
  }
  const body = await readBody(answer, MANIFEST_MAX_BYTES);
  if (body === undefined) throw bad(source, subject, `has a page of more than ${MANIFEST_MAX_BYTES} bytes`);
  let value: unknown;
  try {
    value = parseStrictJson(body);
  } catch (error) {
    throw bad(source, subject, `can not be read: ${(error as Error).message}`, error);
  }
  const manifests = (value as { manifests?: unknown } | null)?.manifests;
  if (!Array.isArray(manifests)) throw bad(source, subject, 'has no manifests');
  const descriptors = manifests.map((each) => {
    const descriptor = Descriptor.safeParse(each);
    if (!descriptor.success) {
      throw bad(source, subject, 'has an entry that is no descriptor', descriptor.error);
    }
    return descriptor.data;
  });
  return { descriptors, bytes: body.length };
}

function bad(source: Source, subject: Subject, what: string, cause?: unknown): Fault {
  return new Fault(
    'SOURCE_FAILED',
    `${at(source)}: the list of what refers to ${subject.digest} in ${subject.repository} ${what}`,
    { ...subject, source: source.name },
    { cause },
  );
}
