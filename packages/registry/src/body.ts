import type { Answer } from './wire.ts';

const DROP_MAX_BYTES = 64 * 1024;

/**
 * Reads a body into memory.
 * @returns undefined when it is longer than `maxBytes`; the rest is then not read
 */
export async function readBody(answer: Answer, maxBytes: number): Promise<Buffer | undefined> {
  const { body, headers } = answer;
  if (Number(headers['content-length'] ?? 0) > maxBytes) {
    dropBody(answer);
    return undefined;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return undefined; // leaving the loop destroys the body
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}

/** Lets a body go: a short one is read, so that its connection can be used again; of a long one the connection is closed. */
export function dropBody({ body }: Answer): void {
  body.on('error', () => undefined);
  void body.dump({ limit: DROP_MAX_BYTES }).catch(() => undefined);
}
