import {
  Descriptor,
  type Digest,
  Fault,
  MANIFEST_MAX_BYTES,
  manifestKind,
  MANIFEST_MEDIA_TYPES,
  parseStrictJson,
} from '@gantry/oci';
import type { Subject } from './answer-faults.ts';
import { dropBody, readBody } from './body.ts';
import { followPages } from './listing.ts';
import type { Source } from './options.ts';
import { at } from './source-faults.ts';
import type { Transport } from './transport.ts';
import { type Answer, header } from './wire.ts';

/** How long it is remembered that a registry has no referrers API. */
const ABSENCE_MS = 3_600_000;

/** Reads a subject's referrers by the API; undefined when the registry has none (distribution-spec, "Listing Referrers"). */
export type ReadReferrers = (
  repository: string,
  digest: Digest,
  signal?: AbortSignal,
) => Promise<Descriptor[] | undefined>;

export function createReferrersReader(source: Source, transport: Transport): ReadReferrers {
  let absentUntilMs = 0;
  let isPresent = false;
  let learning: Promise<unknown> | undefined;

  const ask = async (repository: string, digest: Digest, signal?: AbortSignal) => {
    const subject: Subject = { repository, digest };
    const found: Descriptor[] = [];
    const pages = followPages(source, transport, {
      kind: 'referrers',
      path: `/v2/${repository}/referrers/${digest}`,
      scope: `repository:${repository}:pull`,
      subject,
      headers: { accept: MANIFEST_MEDIA_TYPES['oci-index'] },
      expected: [200, 404, 405],
      read: (answer) => readPage(source, subject, answer),
      signal,
    });
    for await (const page of pages) {
      if (page === undefined) {
        absentUntilMs = source.clock.now() + ABSENCE_MS;
        return undefined;
      }
      found.push(...page);
    }
    isPresent = true;
    return found;
  };

  return async (repository, digest, signal) => {
    const isKnown = () => isPresent || source.clock.now() < absentUntilMs;
    // While nothing is known, one asks and the others wait to hear.
    if (!isKnown() && learning !== undefined) await learning;
    if (!isPresent && source.clock.now() < absentUntilMs) return undefined;
    if (isPresent) return ask(repository, digest, signal);
    const asking = ask(repository, digest, signal);
    learning = asking.catch(() => undefined).finally(() => (learning = undefined));
    return asking;
  };
}

/** One page's descriptors; undefined when the answer shows that there is no such API. */
async function readPage(source: Source, subject: Subject, answer: Answer): Promise<Descriptor[] | undefined> {
  const contentType = header(answer, 'content-type') ?? '';
  if (answer.status !== 200 || manifestKind(contentType) !== 'oci-index') {
    dropBody(answer);
    return undefined;
  }
  const bad = (what: string, cause?: unknown) =>
    new Fault(
      'SOURCE_FAILED',
      `${at(source)}: the list of what refers to ${subject.digest} in ${subject.repository} ${what}`,
      { ...subject, source: source.name },
      { cause },
    );
  const body = await readBody(answer, MANIFEST_MAX_BYTES);
  if (body === undefined) throw bad(`has more than ${MANIFEST_MAX_BYTES} bytes`);
  let value: unknown;
  try {
    value = parseStrictJson(body);
  } catch (error) {
    throw bad(`can not be read: ${(error as Error).message}`, error);
  }
  const manifests = (value as { manifests?: unknown } | null)?.manifests;
  if (!Array.isArray(manifests)) throw bad('has no manifests');
  return manifests.map((each) => {
    const descriptor = Descriptor.safeParse(each);
    if (!descriptor.success) throw bad(`has an entry that is no descriptor`, descriptor.error);
    return descriptor.data;
  });
}
