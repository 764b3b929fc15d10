import {
  ACCEPT_MANIFESTS,
  type Digest,
  digestOf,
  Fault,
  isDigest,
  MANIFEST_MAX_BYTES,
  splitDigest,
} from '@gantry/oci';
import type { Subject } from './answer-faults.ts';
import { dropBody, readBody } from './body.ts';
import { refuseEncoded } from './encoding.ts';
import type { Source } from './options.ts';
import type { FetchedManifest, ManifestHead } from './registry.ts';
import { at } from './source-faults.ts';
import type { Call, Transport } from './transport.ts';
import { type Answer, header } from './wire.ts';

/** `head` and `manifest` of Registry, for names that are known to be of the grammar. */
export interface ManifestReader {
  head(repository: string, reference: string, signal?: AbortSignal): Promise<ManifestHead | undefined>;
  manifest(repository: string, reference: string, signal?: AbortSignal): Promise<FetchedManifest>;
}

export function createManifestReader(source: Source, transport: Transport): ManifestReader {
  const manifest: ManifestReader['manifest'] = (repository, reference, signal) => {
    const asked = callFor(repository, reference, signal);
    return transport.ask(asked, (answer) => readManifest(source, asked.subject, answer));
  };

  /** By GET, for a registry whose HEAD does not tell enough. */
  const headByBytes = async (repository: string, reference: string, signal?: AbortSignal) => {
    try {
      const { bytes, contentType, digest } = await manifest(repository, reference, signal);
      return { digest, mediaType: contentType ?? '', size: bytes.length };
    } catch (error) {
      if (error instanceof Fault && (error.code === 'MANIFEST_UNKNOWN' || error.code === 'NAME_UNKNOWN')) {
        return undefined;
      }
      throw error;
    }
  };

  return {
    manifest,
    async head(repository, reference, signal) {
      const asked: Call = {
        ...callFor(repository, reference, signal),
        method: 'HEAD',
        expected: [200, 404, 405],
      };
      const found = await transport.ask(asked, (answer) => {
        dropBody(answer);
        return Promise.resolve(answer.status === 200 ? readHead(answer) : { absent: answer.status === 404 });
      });
      if (found === undefined) return headByBytes(repository, reference, signal);
      if ('absent' in found) return found.absent ? undefined : headByBytes(repository, reference, signal);
      if (isDigest(reference) && found.digest !== reference) {
        throw otherDigest(source, asked.subject, reference, `it names ${found.digest}`);
      }
      return found;
    },
  };
}

function callFor(repository: string, reference: string, signal?: AbortSignal): Call & { subject: Subject } {
  return {
    kind: 'manifest',
    path: `/v2/${repository}/manifests/${reference}`,
    scope: `repository:${repository}:pull`,
    subject: { repository, reference },
    headers: { accept: ACCEPT_MANIFESTS },
    signal,
  };
}

/** What the headers tell; undefined when they do not tell all. */
function readHead(answer: Answer): ManifestHead | undefined {
  const digest = header(answer, 'docker-content-digest');
  const mediaType = header(answer, 'content-type');
  const length = header(answer, 'content-length');
  if (digest === undefined || !isDigest(digest) || mediaType === undefined) return undefined;
  if (length === undefined || !/^\d{1,15}$/.test(length)) return undefined;
  return { digest, mediaType, size: Number(length) };
}

async function readManifest(source: Source, subject: Subject, answer: Answer): Promise<FetchedManifest> {
  refuseEncoded(source, 'manifest', subject, answer);
  const bytes = await readBody(answer, MANIFEST_MAX_BYTES);
  if (bytes === undefined) {
    throw new Fault(
      'MANIFEST_INVALID',
      `${at(source)}: the manifest ${subject.repository} ${subject.reference} has more than ${MANIFEST_MAX_BYTES} bytes, the most that is accepted`,
      { ...subject, source: source.name },
    );
  }
  const contentType = header(answer, 'content-type');
  const named = header(answer, 'docker-content-digest');
  const asked =
    subject.reference !== undefined && isDigest(subject.reference) ? subject.reference : undefined;
  const expected = asked ?? (named !== undefined && isDigest(named) ? named : undefined);
  const digest = digestLike(expected, bytes);
  if (expected !== undefined && digest !== expected) {
    throw otherDigest(source, subject, expected, `its bytes are ${digest}`);
  }
  if (named !== undefined && isDigest(named) && named !== digest && named !== digestLike(named, bytes)) {
    throw otherDigest(source, subject, digest, `it names ${named}`);
  }
  return { bytes, contentType, digest };
}

/** The digest of `bytes`, by the same algorithm as `model`. */
function digestLike(model: Digest | undefined, bytes: Buffer): Digest {
  return digestOf(bytes, model === undefined ? 'sha256' : splitDigest(model).algorithm);
}

function otherDigest(source: Source, subject: Subject, expected: Digest, found: string): Fault {
  return new Fault(
    'DIGEST_INVALID',
    `${at(source)}: the manifest ${subject.repository} ${subject.reference} is refused: ${expected} is expected and ${found}`,
    { ...subject, digest: expected, source: source.name },
  );
}
