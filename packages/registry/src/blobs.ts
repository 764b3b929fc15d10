import { Readable } from 'node:stream';
import { type Digest, Fault, quote } from '@gantry/oci';
import type { Subject } from './answer-faults.ts';
import { dropBody } from './body.ts';
import { refuseEncoded } from './encoding.ts';
import type { Source } from './options.ts';
import type { BlobDownload } from './registry.ts';
import { at, networkTrouble } from './source-faults.ts';
import type { Transport } from './transport.ts';
import { type Answer, header } from './wire.ts';

/** Starts to download a blob from byte `from` on. */
export type OpenBlob = (
  repository: string,
  digest: Digest,
  from: number,
  signal?: AbortSignal,
) => Promise<BlobDownload>;

export function createBlobReader(source: Source, transport: Transport): OpenBlob {
  const open = async (
    repository: string,
    digest: Digest,
    from: number,
    signal?: AbortSignal,
  ): Promise<BlobDownload> => {
    const subject: Subject = { repository, digest };
    const found = await transport.ask(
      {
        kind: 'blob',
        lane: 'bulk',
        path: `/v2/${repository}/blobs/${digest}`,
        scope: `repository:${repository}:pull`,
        subject,
        headers: from === 0 ? {} : { range: `bytes=${from}-` },
        expected: from === 0 ? [200] : [200, 206, 416],
        signal,
      },
      (answer) => Promise.resolve(readBlob(source, subject, from, answer)),
    );
    // Nothing lies after `from`: what the caller has is not this blob's beginning, so it starts again.
    return found ?? open(repository, digest, 0, signal);
  };
  return open;
}

function readBlob(source: Source, subject: Subject, from: number, answer: Answer): BlobDownload | undefined {
  if (answer.status === 416) {
    dropBody(answer);
    return undefined;
  }
  refuseEncoded(source, subject, answer);
  const body = withFaults(source, subject, answer);
  if (answer.status === 200) {
    const length = header(answer, 'content-length');
    return length === undefined || !/^\d{1,15}$/.test(length)
      ? { offset: 0, body }
      : { offset: 0, size: Number(length), body };
  }
  const range = header(answer, 'content-range') ?? '';
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(range);
  if (match === null || Number(match[1]) !== from) {
    dropBody(answer);
    throw new Fault(
      'SOURCE_FAILED',
      `${at(source)}: blob ${subject.digest} in ${subject.repository} was asked for from byte ${from} on, and came with Content-Range ${quote(range)}`,
      { ...subject, source: source.name },
    );
  }
  return match[3] === '*' ? { offset: from, body } : { offset: from, size: Number(match[3]), body };
}

/** The answer's body with errors that are Faults. Chunks are handed on as they are. */
function withFaults(source: Source, subject: Subject, { url, body }: Answer): Readable {
  const stream = new Readable({
    read: () => void body.resume(),
    destroy(error, done) {
      body.destroy();
      done(error);
    },
  });
  stream.on('error', () => undefined); // whoever reads later gets it all the same
  body.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) body.pause();
  });
  body.once('end', () => stream.push(null));
  body.on('error', (error) => {
    stream.destroy(networkTrouble(source, url.host, error, { ...subject })?.fault ?? error);
  });
  return stream;
}
