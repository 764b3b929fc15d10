import { type Answer, errorAnswer, unavailable } from '../answer/answer.ts';
import type { Route } from '../answer/route.ts';
import { type Challenge, challengeAnswer } from './challenge.ts';
import type { Reader } from './reader.ts';

/** What somebody was found to be allowed. */
export interface Grants {
  mayRead(repository: string): boolean;
  mayReadContent(repository: string, contentPath: string): boolean;
}

export interface ReadersOptions {
  readonly isPrivate: (repository: string) => boolean;
  /** Absent: nobody is asked for credentials. */
  readonly challenge?: Challenge;
  /** Where they are asked for. */
  readonly challengeAt: readonly ('base' | 'names')[];
}

/** Makes readers, by what is known of who asks. */
export interface Readers {
  /** Of whom nothing is known. */
  readonly anybody: Reader;
  /** Credentials came that are wrong, or have expired. Only with a challenge. */
  readonly refused: Reader;
  /** Whether credentials are right can't be found out now. */
  readonly undecided: Reader;
  /** @param waitMs until the next attempt */
  tooMany(waitMs: number): Reader;
  known(grants: Grants): Reader;
}

/** What any of several allows. */
export function eitherOf(grants: readonly Grants[]): Grants {
  return {
    mayRead: (repository) => grants.some((one) => one.mayRead(repository)),
    mayReadContent: (repository, contentPath) =>
      grants.some((one) => one.mayReadContent(repository, contentPath)),
  };
}

const NOTHING: Grants = { mayRead: () => false, mayReadContent: () => false };

export function createReaders({ isPrivate, challenge, challengeAt }: ReadersOptions): Readers {
  const reading = (grants: Grants): Reader => ({
    mayRead(repository) {
      // Both are found out each time: what is public takes no other time than what is not.
      const isOpen = !isPrivate(repository);
      const isGranted = grants.mayRead(repository);
      return isOpen || isGranted;
    },
    mayReadContent: (repository, contentPath) => grants.mayReadContent(repository, contentPath),
  });
  const instead = (answer: (route: Route) => Answer): Reader => ({
    ...reading(NOTHING),
    instead: (route) => (isGuarded(route) ? answer(route) : undefined),
  });
  const [atBase, atNames] = [challengeAt.includes('base'), challengeAt.includes('names')];
  return {
    anybody: {
      ...reading(NOTHING),
      ...(challenge !== undefined &&
        atBase && {
          instead: (route) => (route.kind === 'base' ? challengeAnswer(challenge, route) : undefined),
        }),
      ...(challenge !== undefined && atNames && { atUnknown: (route) => challengeAnswer(challenge, route) }),
    },
    refused: instead((route) => challengeAnswer(challenge as Challenge, route, 'invalid_token')),
    undecided: instead((route) =>
      unavailable(route.kind, 'whether these credentials are right can not be found out just now'),
    ),
    tooMany: (waitMs) =>
      instead((route) =>
        errorAnswer(route.kind, 429, 'TOOMANYREQUESTS', 'too many wrong credentials came from this address', [
          'Retry-After',
          String(Math.ceil(waitMs / 1000)),
        ]),
      ),
    known: reading,
  };
}

/** What credentials matter for. */
function isGuarded({ kind }: Route): boolean {
  return kind !== 'refused' && kind !== 'mirrors';
}
