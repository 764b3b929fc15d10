import { createHash, randomBytes } from 'node:crypto';

const ID_BYTES = 8;
const SECRET_BYTES = 32;
const MADE = /^gty_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

/** A token that Gantry makes: `gty_<id>_<secret>`. The id is no secret. */
export interface MadeToken {
  readonly id: string;
  /** For its owner alone. */
  readonly token: string;
  /** What is kept of it. */
  readonly hash: string;
}

/** Makes a token with a secret of 256 random bits, which nobody can be told again once it is lost. */
export function makeToken(): MadeToken {
  const id = randomBytes(ID_BYTES).toString('hex');
  const token = `gty_${id}_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  return { id, token, hash: hashOfToken(token) };
}

/** The id in a token that Gantry made; undefined: it is another's. */
export function idOfToken(token: string): string | undefined {
  return MADE.exec(token)?.[1];
}

/** Whether a text could be such an id. */
export function isTokenId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/** Hex SHA-256: 32 random bytes need no slower one. */
export function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
