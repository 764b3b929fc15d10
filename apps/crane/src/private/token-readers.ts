import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { bearerToken, type VerifiedPull, type VerifyPull } from '@gantry/service';
import { LRUCache } from 'lru-cache';
import type { CraneLogger } from '../options.ts';
import type { Reader } from './reader.ts';
import type { Grants, Readers } from './readers.ts';

const TOKENS_KEPT = 10_000;

export interface TokenReadersOptions {
  readonly verify: VerifyPull;
  /** How long after it has expired a token is taken still. */
  readonly clockToleranceMs: number;
  readonly readers: Readers;
  readonly logger: CraneLogger;
  readonly now?: () => Date;
}

/** Knows readers by tokens of the token protocol; undefined: none came. What was verified is kept by a hash of the token. */
export function createTokenReaders(options: TokenReadersOptions) {
  const { verify, clockToleranceMs, readers, logger, now = () => new Date() } = options;
  const verified = new LRUCache<string, VerifiedPull>({ max: TOKENS_KEPT });

  const verifyFirst = async (
    token: string,
    key: string,
    known: (grants: Grants) => Reader,
  ): Promise<Reader> => {
    const found = await verify(token, now());
    if (typeof found === 'string') {
      logger.info({ why: found }, 'token.refused');
      return readers.refused;
    }
    verified.set(key, found);
    return known(grantsOf(found));
  };

  return (
    { headers }: IncomingMessage,
    known: (grants: Grants) => Reader,
  ): Reader | Promise<Reader> | undefined => {
    const token = bearerToken(headers.authorization);
    if (token === undefined) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    const kept = verified.get(key);
    if (kept !== undefined && now().getTime() < kept.expires * 1000 + clockToleranceMs)
      return known(grantsOf(kept));
    return verifyFirst(token, key, known);
  };
}

function grantsOf({ repositories }: VerifiedPull): Grants {
  const mayRead = (repository: string) => repositories.has(repository);
  return { mayRead, mayReadContent: mayRead };
}
