import { type Digest, digestOf, isDigest } from '@gantry/oci';
import { z } from 'zod';
import { canonicalBytes } from './canonical-json.ts';
import { type EncodedDocument, type Statement, TREE_FORMAT } from './documents.ts';
import { MAX_SERIAL, serialPath } from './paths.ts';
import { invalidDocument, readDocument } from './reading-json.ts';

/** The largest statement that is read, in bytes. */
export const MAX_STATEMENT_BYTES = 64 * 1024;

/** A statement and the digest of its bytes; a TreeView is one, too. */
export interface StatedSerial {
  readonly statement: Statement;
  readonly digest: Digest;
}

const Serial = z.int().min(1).max(MAX_SERIAL);
const DigestText = z.string().refine(isDigest, 'not a sha256 or sha512 digest');
const Time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'not a time as 2026-11-21T09:00:00Z')
  .refine((text) => !Number.isNaN(Date.parse(text)), 'not a time that exists');
const SerialLink = z.object({ serial: Serial, digest: DigestText }).nullable();

const StatementBody = z.object({
  type: z.literal('gantry-serial'),
  tree: z.string().min(1).max(200),
  serial: Serial,
  previous: SerialLink,
  published: Time,
  expires: Time,
  root: DigestText,
  list: DigestText,
  full: SerialLink,
  signatures: z.array(z.object({ keyid: z.string(), sig: z.string() })),
});

/** A statement's bytes, with its digest and `serial/<n>.json`. */
export function encodeStatement(statement: Statement): EncodedDocument {
  const bytes = canonicalBytes({
    format: TREE_FORMAT,
    type: 'gantry-serial',
    tree: statement.tree,
    serial: statement.serial,
    previous: statement.previous && { serial: statement.previous.serial, digest: statement.previous.digest },
    published: statement.published,
    expires: statement.expires,
    root: statement.root,
    list: statement.list,
    full: statement.full && { serial: statement.full.serial, digest: statement.full.digest },
    signatures: statement.signatures.map(({ keyid, sig }) => ({ keyid, sig })),
  });
  return { digest: digestOf(bytes), path: serialPath(statement.serial), bytes };
}

/**
 * @param where what the bytes are, for messages
 * @throws Fault TREE_INVALID
 */
export function decodeStatement(bytes: Uint8Array, where = 'the statement'): Statement {
  const result = StatementBody.safeParse(readDocument(bytes, where));
  if (!result.success) {
    const issue = result.error.issues[0];
    throw invalidDocument(
      where,
      `at "${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'not as specified'}`,
    );
  }
  const { type: _, ...statement } = result.data;
  if (statement.previous !== null && statement.previous.serial >= statement.serial) {
    throw invalidDocument(where, `serial ${statement.serial} follows ${statement.previous.serial}`);
  }
  if (statement.full !== null && statement.full.serial > statement.serial) {
    throw invalidDocument(
      where,
      `serial ${statement.serial} names the full list of ${statement.full.serial}`,
    );
  }
  return statement;
}

/** Whether two statements say the same, whoever has signed them. */
export function saysTheSame(one: Statement, other: Statement): boolean {
  return unsignedDigest(one) === unsignedDigest(other);
}

function unsignedDigest(statement: Statement): Digest {
  return encodeStatement({ ...statement, signatures: [] }).digest;
}

/** What a reader that holds `current` is to think of `next`. It moves to a newer one only. */
export type Judgement = 'same' | 'newer' | 'older' | 'fork' | 'other tree';

/**
 * Never back: tells a newer serial from one that is the same, older, of another tree, or of another history (equal
 * serials with other bytes, or a successor whose predecessor is not the one that is held).
 */
export function judgeStatement(current: StatedSerial, next: StatedSerial): Judgement {
  const [held, offered] = [current.statement, next.statement];
  if (held.tree !== offered.tree) return 'other tree';
  if (held.serial === offered.serial) return current.digest === next.digest ? 'same' : 'fork';
  if (held.serial > offered.serial) return contradicts(held.previous, next) ? 'fork' : 'older';
  return contradicts(offered.previous, current) ? 'fork' : 'newer';
}

/** Whether `link` names the serial of `other`, but other bytes. */
function contradicts(link: Statement['previous'], other: StatedSerial): boolean {
  return link !== null && link.serial === other.statement.serial && link.digest !== other.digest;
}

/** A time as it stands in a tree's documents: RFC 3339, UTC, whole seconds (cut off). */
export function treeTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}
