import { Fault, quote } from '@gantry/oci';
import { nameOf, type Subject } from './answer-faults.ts';
import { dropBody } from './body.ts';
import type { RequestKind, Source } from './options.ts';
import { at } from './source-faults.ts';
import { type Answer, listHeader } from './wire.ts';

/**
 * Refuses a body that was encoded on its way: none was asked for, a digest is that of the bytes as they are, and nothing is
 * inflated here.
 * @throws Fault SOURCE_FAILED
 */
export function refuseEncoded(source: Source, kind: RequestKind, subject: Subject, answer: Answer): void {
  const encoding = listHeader(answer, 'content-encoding')?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return;
  dropBody(answer);
  const what = nameOf(subject, kind);
  throw new Fault(
    'SOURCE_FAILED',
    `${at(source)}: ${what} came with Content-Encoding ${quote(encoding)}, and only plain bytes are right; check any proxy before the registry`,
    { ...subject, source: source.name },
  );
}
