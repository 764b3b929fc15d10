import { canonicalBytes, type CanonicalValue } from './canonical-json.ts';
import type { Statement } from './documents.ts';
import type { PublicKey, SigningKey } from './keys.ts';
import { type JsonObject, readDocument } from './reading-json.ts';
import { decodeStatement, encodeStatement } from './statement.ts';

const KINDS = ['unsigned', 'unknown-key', 'wrong-signature'] as const;

export type SignatureProblemKind = (typeof KINDS)[number];

/** Whether a fault's `details.signature` tells of one. */
export function isSignatureProblem(value: unknown): value is SignatureProblemKind {
  return (KINDS as readonly unknown[]).includes(value);
}

/**
 * Why a statement is not to be trusted: nobody has signed it, nobody who is trusted has, or a signature that is said to be
 * of a trusted key is not.
 */
export interface SignatureProblem {
  readonly kind: SignatureProblemKind;
  /** Goes on after the statement's name and a colon; names the keys. */
  readonly why: string;
}

/** The statement with a signature by each of the keys, in their order; those that it had are left out. */
export function signStatement(statement: Statement, keys: readonly SigningKey[]): Statement {
  const { bytes } = encodeStatement({ ...statement, signatures: [] });
  const signed = signedBytes(readDocument(bytes, 'the statement'));
  return {
    ...statement,
    signatures: keys.map((key) => ({
      keyid: key.keyid,
      sig: Buffer.from(key.sign(signed)).toString('base64'),
    })),
  };
}

/**
 * Looks for the signature of a trusted key. One is enough, as while keys are changed there are two of them; but each that
 * is said to be of a trusted key must be right. What others have signed counts for nothing.
 * @param bytes the statement as it was read: all of it is signed, members that this version does not know, too
 * @returns undefined when it is to be trusted
 * @throws Fault TREE_INVALID for what is no statement
 */
export function findSignatureProblem(
  bytes: Uint8Array,
  trusted: readonly PublicKey[],
  where = 'the statement',
): SignatureProblem | undefined {
  const { signatures } = decodeStatement(bytes, where);
  const byKeyid = new Map(trusted.map((key) => [key.keyid, key]));
  const asked = trusted.map(({ keyid }) => keyid).join(', ');
  if (signatures.length === 0) return { kind: 'unsigned', why: `it is not signed, and must be by ${asked}` };

  const object = readDocument(bytes, where);
  if (!Buffer.from(bytes).equals(canonicalBytes(membersOf(object))))
    return wrong('its bytes are not canonical JSON, as those that are signed are');
  const signed = signedBytes(object);
  let isTrusted = false;
  for (const { keyid, sig } of signatures) {
    const key = byKeyid.get(keyid);
    if (key === undefined) continue;
    const signature = decodeSignature(sig);
    if (signature === undefined || !key.verifies(signed, signature))
      return wrong(`the signature by ${keyid} is not of these bytes`);
    isTrusted = true;
  }
  if (isTrusted) return undefined;
  const unknown = signatures.map(({ keyid }) => JSON.stringify(keyid.slice(0, 64))).join(', ');
  return { kind: 'unknown-key', why: `it is signed by ${unknown} alone, and must be by ${asked}` };
}

function wrong(why: string): SignatureProblem {
  return { kind: 'wrong-signature', why };
}

/** What is signed: the canonical bytes of the statement without its signatures. */
function signedBytes(statement: JsonObject): Uint8Array {
  const members = membersOf(statement);
  members.delete('signatures');
  return canonicalBytes(members);
}

/** What JSON.parse gives is what canonical JSON takes. */
function membersOf(object: JsonObject): Map<string, CanonicalValue> {
  return new Map(Object.entries(object) as [string, CanonicalValue][]);
}

const SIGNATURE_BYTES = 64;

/** Undefined for anything but 64 bytes in the one base64 that they have. */
function decodeSignature(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === SIGNATURE_BYTES && bytes.toString('base64') === text ? bytes : undefined;
}
