import { IncomingMessage } from 'node:http';
import { asFault, Fault, quote } from '@gantry/oci';
import type { Count } from '../counters.ts';
import type { Sent } from '../answer/deliver.ts';
import type { RareErrors } from '../rare-errors.ts';
import { rawHeader } from '../raw-header.ts';
import { accessLine } from './access-line.ts';
import { openLineFile } from './line-file.ts';

/** A request that knows when its head was read. */
export class TimedRequest extends IncomingMessage {
  readonly startedAtMs = performance.now();
}

/** One line an answer, in a file or on standard output. */
export interface AccessLog extends AsyncDisposable {
  /** @param client the client's address, if it is known */
  note(request: TimedRequest, client: string | undefined, sent: Sent): void;
  /** Opens the file anew, as it may have been moved away. */
  reopen(): void;
}

export interface AccessLogOptions {
  readonly droppedLines: Count;
  readonly tellError: RareErrors;
}

/**
 * @param place a file's path, or `stdout`
 * @throws Fault CONFIGURATION_INVALID for a file that can't be opened
 */
export async function openAccessLog(
  place: string,
  { droppedLines, tellError }: AccessLogOptions,
): Promise<AccessLog> {
  const file = await openLineFile(place, {
    onDrop: (lines) => (droppedLines.value += lines),
    onFailure: (error) =>
      tellError({ file: place }, `the access log can not be written: ${asFault(error).message}`),
  }).catch((cause: unknown) => {
    throw new Fault(
      'CONFIGURATION_INVALID',
      `crane.accessLog: ${quote(place)} can not be written: ${asFault(cause).message}`,
      { key: 'crane.accessLog', path: place },
      { cause },
    );
  });
  return {
    note(request, client, { answer: { mirror }, status, bytes }) {
      const line = accessLine({
        atMs: Date.now(),
        client,
        method: request.method as string,
        target: request.url as string,
        status,
        bytes,
        mirror,
        userAgent: rawHeader(request.rawHeaders, 'user-agent'),
        durationUs: Math.round((performance.now() - request.startedAtMs) * 1000),
      });
      file.write(line);
    },
    reopen: () => file.reopen(),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}
