import { Readable } from 'node:stream';
import { Fault, type FaultCode } from '@gantry/oci';
import type { Subject } from './answer-faults.ts';
import type { Source } from './options.ts';
import { at, networkTrouble } from './source-faults.ts';
import type { Answer } from './wire.ts';

/** The part of a blob that an answer's body is. */
interface Part {
  /** The blob, for messages. */
  readonly what: string;
  readonly subject: Subject;
  /** Where in the blob the body begins. */
  readonly offset: number;
  /** Of the whole blob, if that is known: no byte beyond it is handed on, and an end before it is an error. */
  readonly size: number | undefined;
}

/** The answer's body with errors that are Faults. Chunks are handed on as they are. */
export function blobBody(source: Source, part: Part, { url, body }: Answer): Readable {
  const { what, subject, offset, size } = part;
  let reached = offset;
  const stream = new Readable({
    read: () => void body.resume(),
    destroy(error, done) {
      body.destroy();
      done(error);
    },
  });
  const fail = (code: FaultCode, sentence: string) => {
    const details = { ...subject, source: source.name, host: url.host };
    stream.destroy(new Fault(code, `${at(source)}: ${what} ${sentence}`, details));
  };
  stream.on('error', () => undefined); // whoever reads later gets it all the same
  body.on('data', (chunk: Buffer) => {
    reached += chunk.length;
    if (size !== undefined && reached > size) {
      return fail('SIZE_INVALID', `goes on after ${size} bytes, which is all that its descriptor says`);
    }
    if (!stream.push(chunk)) body.pause();
  });
  body.once('end', () => {
    if (size !== undefined && reached < size) {
      return fail('SOURCE_UNREACHABLE', `ended after ${reached} of ${size} bytes; check any proxy between`);
    }
    stream.push(null);
  });
  body.on('error', (error) => {
    stream.destroy(networkTrouble(source, url.host, error, { ...subject })?.fault ?? error);
  });
  return stream;
}
