import type { IncomingMessage } from 'node:http';
import { Fault, parseStrictJson, quote } from '@gantry/oci';

export const BODY_MAX_BYTES = 1024 * 1024;
/** Of a body that is too large this much is thrown away, so that the caller has sent it and reads the answer. */
const DISCARD_MAX_BYTES = 16 * BODY_MAX_BYTES;

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/;

/**
 * The JSON of a request; undefined when it has no body.
 * @throws Fault REQUEST_INVALID for another media type, an encoding, or what is no JSON; REQUEST_TOO_LARGE
 */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
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
  const bytes = await readBytes(request);
  if (bytes.length === 0) return undefined;
  try {
    return parseStrictJson(bytes);
  } catch (cause) {
    throw new Fault(
      'REQUEST_INVALID',
      `the body can not be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      {},
      { cause },
    );
  }
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  if (Number(request.headers['content-length'] ?? 0) <= DISCARD_MAX_BYTES) {
    try {
      for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        sizeBytes += chunk.length;
        if (sizeBytes <= BODY_MAX_BYTES) chunks.push(chunk);
        else chunks.length = 0;
        if (sizeBytes > DISCARD_MAX_BYTES) break;
      }
    } catch (cause) {
      throw new Fault('REQUEST_INVALID', 'the connection ended before the body did', {}, { cause });
    }
    if (sizeBytes <= BODY_MAX_BYTES) return Buffer.concat(chunks);
  }
  throw new Fault('REQUEST_TOO_LARGE', `the body has more than ${BODY_MAX_BYTES} bytes: send it in parts`, {
    limitBytes: BODY_MAX_BYTES,
  });
}
