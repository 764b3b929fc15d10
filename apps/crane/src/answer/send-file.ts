import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Fault } from '@gantry/oci';
import type { Answer } from './answer.ts';
import { parseRange } from './byte-range.ts';

const READ_AHEAD_BYTES = 256 * 1024;

/** A file of the tree, and the answer that sends all of it. */
export interface FileAnswer {
  readonly answer: Answer;
  readonly directory: string;
  /** Below `directory`, of the tree's own alphabet. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Absent: what is a symbolic link is refused. */
  readonly followsLinks?: boolean;
}

/**
 * Streams a file, or the range of it that is asked for, so that a broken pull can go on. For HEAD the file is not opened:
 * the headers say all, and a Range means nothing (RFC 9110, section 14.2).
 * @param onStatus is told the status, and how many bytes follow, as soon as they are clear
 * @throws Fault UNAVAILABLE, before anything is sent, when the file is absent or of another size
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  { answer, directory, path: file, sizeBytes, followsLinks = false }: FileAnswer,
  onStatus: (status: number, bytes: number) => void,
): Promise<void> {
  if (request.method === 'HEAD') {
    onStatus(answer.status, 0);
    response.writeHead(answer.status, [...answer.headers]).end();
    return;
  }
  const flags = followsLinks ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NOFOLLOW;
  const handle = await open(path.join(directory, file), flags).catch((cause: unknown) => {
    throw new Fault('UNAVAILABLE', `${file} can not be opened`, { path: file }, { cause });
  });
  try {
    const { size } = await handle.stat();
    if (size !== sizeBytes) {
      throw new Fault('UNAVAILABLE', `${file} has ${size} bytes, and not ${sizeBytes}`, { path: file });
    }
    const ifRange = request.headers['if-range'];
    const current = ifRange === undefined || ifRange === answer.etag;
    const range = current ? parseRange(request.headers.range, sizeBytes) : undefined;
    if (range === 'unsatisfiable') {
      onStatus(416, 0);
      response.writeHead(416, ['Content-Range', `bytes */${sizeBytes}`, 'Content-Length', '0']).end();
      return;
    }
    const { first, last } = range ?? { first: 0, last: sizeBytes - 1 };
    const status = range === undefined ? 200 : 206;
    onStatus(status, last - first + 1);
    response.writeHead(
      status,
      range === undefined ? [...answer.headers] : partHeaders(answer, range, sizeBytes),
    );
    if (last < first) {
      response.end(); // an empty blob
      return;
    }
    await pipeline(
      handle.createReadStream({ start: first, end: last, highWaterMark: READ_AHEAD_BYTES, autoClose: false }),
      response,
    );
  } finally {
    await handle.close();
  }
}

function partHeaders(
  { headers }: Answer,
  { first, last }: { first: number; last: number },
  sizeBytes: number,
): string[] {
  const changed = [...headers];
  changed[headers.indexOf('Content-Length') + 1] = String(last - first + 1);
  return [...changed, 'Content-Range', `bytes ${first}-${last}/${sizeBytes}`];
}
