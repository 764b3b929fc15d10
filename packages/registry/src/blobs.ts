import { type Digest, Fault, isDigest, quote, splitDigest } from '@gantry/oci';
import { nameOf, type Subject } from './answer-faults.ts';
import { blobBody } from './blob-body.ts';
import { dropBody } from './body.ts';
import { refuseEncoded } from './encoding.ts';
import type { Source } from './options.ts';
import { foreignTarget } from './redirect.ts';
import type { BlobDownload, BlobOptions } from './registry.ts';
import { at } from './source-faults.ts';
import type { Call, ForeignCall, Transport } from './transport.ts';
import { type Answer, header } from './wire.ts';

/** `blob` and `foreign` of Registry, for arguments that are known to be of the grammar. */
export interface BlobReader {
  blob(repository: string, digest: Digest, from: number, options: BlobOptions): Promise<BlobDownload>;
  foreign(url: string, from: number, options: BlobOptions): Promise<BlobDownload>;
}

/** Which part of which blob is on its way. */
interface Wanted {
  readonly kind: 'blob' | 'foreign';
  readonly subject: Subject;
  readonly from: number;
  /** Of the whole blob, if that is known. */
  readonly size: number | undefined;
}

export function createBlobReader(source: Source, transport: Transport): BlobReader {
  const open = async (
    where: Pick<Call, 'path' | 'scope'> | Pick<ForeignCall, 'target'>,
    wanted: Wanted,
    signal: AbortSignal | undefined,
  ): Promise<BlobDownload> => {
    const { kind, subject, from } = wanted;
    const found = await transport.ask(
      {
        ...where,
        kind,
        lane: 'bulk',
        subject,
        headers: from === 0 ? {} : { range: `bytes=${from}-` },
        expected: from === 0 ? [200] : [200, 206, 416],
        signal,
      },
      (answer) => Promise.resolve(readBlob(source, wanted, answer)),
    );
    // Nothing lies after `from`: what the caller has is not this blob's beginning, so it starts again.
    return found ?? open(where, { ...wanted, from: 0 }, signal);
  };

  return {
    blob: (repository, digest, from, { size, signal }) =>
      open(
        { path: `/v2/${repository}/blobs/${digest}`, scope: `repository:${repository}:pull` },
        { kind: 'blob', subject: { repository, digest }, from, size },
        signal,
      ),
    foreign(address, from, { size, signal }) {
      const target = foreignTarget(source, address);
      const layer = target.url.origin + target.url.pathname;
      return open({ target }, { kind: 'foreign', subject: { layer }, from, size }, signal);
    },
  };
}

function readBlob(source: Source, wanted: Wanted, answer: Answer): BlobDownload | undefined {
  const { kind, subject, from } = wanted;
  if (answer.status === 416) {
    dropBody(answer);
    return undefined;
  }
  refuseEncoded(source, kind, subject, answer);
  refuseOther(source, subject, answer);
  const what = nameOf(subject, kind);
  const { offset, size } = extentOf(answer, from) ?? {};
  if (offset === undefined) {
    dropBody(answer);
    const range = quote(header(answer, 'content-range') ?? '');
    throw new Fault(
      'SOURCE_FAILED',
      `${at(source)}: ${what} was asked for from byte ${from} on, and came with Content-Range ${range}`,
      { ...subject, source: source.name },
    );
  }
  if (size !== undefined && wanted.size !== undefined && size !== wanted.size) {
    dropBody(answer);
    throw new Fault(
      'SIZE_INVALID',
      `${at(source)}: ${what} has ${size} bytes, its descriptor says ${wanted.size}`,
      { ...subject, source: source.name },
    );
  }
  const body = blobBody(source, { what, subject, offset, size: wanted.size }, answer);
  return size === undefined ? { offset, body } : { offset, size, body };
}

/** A registry that names another digest than the one asked for is not asked to send its bytes. */
function refuseOther(source: Source, { repository, digest }: Subject, answer: Answer): void {
  const named = header(answer, 'docker-content-digest');
  if (digest === undefined || named === undefined || named === digest || !isDigest(named)) return;
  if (splitDigest(named).algorithm !== splitDigest(digest).algorithm) return;
  dropBody(answer);
  throw new Fault(
    'DIGEST_INVALID',
    `${at(source)}: the blob ${digest} in ${repository} is refused: it is sent as ${named}`,
    { repository, digest, source: source.name },
  );
}

/** What part of the blob an answer brings, and of how many bytes in all; undefined when it is not what was asked for. */
function extentOf(answer: Answer, from: number): { offset: number; size: number | undefined } | undefined {
  if (answer.status === 200) {
    const length = header(answer, 'content-length') ?? '';
    return { offset: 0, size: /^\d{1,15}$/.test(length) ? Number(length) : undefined };
  }
  const range = header(answer, 'content-range') ?? '';
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(range);
  if (match === null || Number(match[1]) !== from) return undefined;
  return { offset: from, size: match[3] === '*' ? undefined : Number(match[3]) };
}
