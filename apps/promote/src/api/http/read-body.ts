import type { IncomingMessage } from 'node:http';
import { Fault, parseStrictJson, quote } from '@gantry/oci';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/;

/** The JSON of a request, and its bytes as they came. */
export interface JsonBody {
  readonly json: unknown;
  readonly bytes: Uint8Array;
}

/**
 * Reads the body of a request; undefined when it has none.
 * @param maxBytes how large it may be
 * @throws Fault REQUEST_INVALID for another media type, an encoding, or what is no JSON; REQUEST_TOO_LARGE
 */
export async function readJsonBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<JsonBody | undefined> {
  const { headers } = request;
  if (headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0')
    return undefined;
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!JSON_TYPE.test(type)) {
    throw new Fault(
      'REQUEST_INVALID',
      `the body is ${type === '' ? 'of no type' : quote(type)}: send JSON, with the header "Content-Type: application/json"`,
      { at: 'Content-Type' },
    );
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new Fault(
      'REQUEST_INVALID',
      `the body is encoded as ${quote(encoding)}: send it without Content-Encoding`,
      { at: 'Content-Encoding' },
    );
  }
  const bytes = await readBytes(request, maxBytes);
  if (bytes.length === 0) return undefined;
  try {
    return { json: parseStrictJson(bytes), bytes };
  } catch (cause) {
    throw new Fault(
      'REQUEST_INVALID',
      `the body can not be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      {},
      { cause },
    );
  }
}

async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  // What is too large is answered at once. The rest is taken off the wire and thrown away, or else the connection would
  // be reset before the caller reads the answer; the server's time limit for a request ends it.
  request.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes <= maxBytes) chunks.push(chunk);
    else {
      chunks.length = 0;
      reject(tooLarge(maxBytes));
    }
  });
  const endedEarly = () => reject(new Fault('REQUEST_INVALID', 'the connection ended before the body did'));
  request.once('end', () => resolve(Buffer.concat(chunks)));
  request.once('error', endedEarly);
  request.once('close', endedEarly);
  return promise;
}

function tooLarge(maxBytes: number): Fault {
  return new Fault(
    'REQUEST_TOO_LARGE',
    `the body has more than ${maxBytes} bytes, the most that is taken here`,
    {
      limitBytes: maxBytes,
    },
  );
}
