import type { IncomingMessage } from 'node:http';
import {
  type BasicCredentials,
  basicCredentials,
  createRateLimits,
  type PasswordFile,
  type PullRules,
} from '@gantry/service';
import type { Reader } from './reader.ts';
import type { Grants, Readers } from './readers.ts';

/** Wrong passwords from one address. */
const WRONG_RATE = { requestsPerSecond: 1, burst: 50 };

export interface PasswordReadersOptions {
  readonly passwords: PasswordFile;
  readonly rules: PullRules;
  readonly readers: Readers;
  /** Whom a request comes from: who guesses is slowed down. */
  readonly networkOf: (request: IncomingMessage) => string;
}

/** Knows readers by a name and a password (RFC 7617); undefined: none came. */
export function createPasswordReaders({ passwords, rules, readers, networkOf }: PasswordReadersOptions) {
  const wrong = createRateLimits(WRONG_RATE);

  const readerOf = async (
    { user, password }: BasicCredentials,
    network: string,
    known: (grants: Grants) => Reader,
  ): Promise<Reader> => {
    const waitMs = wrong.delayMs(network);
    if (waitMs > 0) return readers.tooMany(waitMs);
    if (await passwords.knows(user, password)) {
      const mayRead = rules.grantsOf({ name: user, groups: [] });
      return known({ mayRead, mayReadContent: mayRead });
    }
    wrong.take(network);
    return readers.refused;
  };

  return (request: IncomingMessage, known: (grants: Grants) => Reader): Promise<Reader> | undefined => {
    const credentials = basicCredentials(request.headers.authorization);
    return credentials && readerOf(credentials, networkOf(request), known);
  };
}
