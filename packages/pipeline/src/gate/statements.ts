import { type Descriptor, type Digest, isDigest } from '@gantry/oci';
import { z } from 'zod';
import type { ImageReader } from '../sync/describe-image.ts';

/** A larger one is not read, so it states nothing. */
const STATEMENT_MAX_BYTES = 32 * 1024 * 1024;

/** What an in-toto statement is about. Nobody has looked at its signature. */
export interface Statement {
  readonly predicateType: string;
  readonly subjects: readonly Digest[];
  /** Of a shape that its type names. */
  readonly predicate: unknown;
}

/** in-toto attestation framework, spec/v1/statement.md; v0.1 has these members, too. */
const StatementBody = z.object({
  _type: z.string().startsWith('https://in-toto.io/Statement/'),
  predicateType: z.string(),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })),
  predicate: z.unknown(),
});
/** secure-systems-lab/dsse, envelope.md */
const Envelope = z.object({ payloadType: z.literal('application/vnd.in-toto+json'), payload: z.base64() });
/** sigstore/protobuf-specs, sigstore_bundle.proto */
const Bundle = z.object({ dsseEnvelope: Envelope });

/** The statements in some layers: bare, in a DSSE envelope, or in a Sigstore bundle. Other layers hold none. */
export async function readStatements(
  reader: ImageReader,
  layers: readonly Descriptor[],
): Promise<readonly Statement[]> {
  const statements: Statement[] = [];
  for (const layer of layers) {
    if (!mayHold(layer.mediaType)) continue;
    const bytes = await reader.config(layer, STATEMENT_MAX_BYTES);
    const statement = bytes === undefined ? undefined : parseStatement(bytes);
    if (statement !== undefined) statements.push(statement);
  }
  return statements;
}

/** Whether a layer of that media type may be a statement, in any of the three forms. */
export function mayHold(mediaType: string): boolean {
  return (
    mediaType === 'application/vnd.in-toto+json' ||
    mediaType.startsWith('application/vnd.in-toto.') ||
    mediaType === 'application/vnd.dsse.envelope.v1+json' ||
    mediaType.startsWith('application/vnd.dev.sigstore.bundle')
  );
}

/** @returns undefined for bytes that are none of the three forms */
export function parseStatement(bytes: Buffer): Statement | undefined {
  const value = parseJson(bytes);
  const envelope = Bundle.safeParse(value).data?.dsseEnvelope ?? Envelope.safeParse(value).data;
  const body = StatementBody.safeParse(
    envelope === undefined ? value : parseJson(Buffer.from(envelope.payload, 'base64')),
  ).data;
  if (body === undefined) return undefined;
  const subjects = body.subject.flatMap(({ digest }) =>
    Object.entries(digest)
      .map(([algorithm, hex]) => `${algorithm}:${hex}`)
      .filter(isDigest),
  );
  return { predicateType: body.predicateType, subjects, predicate: body.predicate };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
