import type { IncomingMessage } from 'node:http';
import type { Reader } from './reader.ts';

/** Keeps private repositories from those who may not read them. */
export interface Guard {
  /** Who sends a request, by what it came with. Never rejects. */
  reader(request: IncomingMessage): Reader | Promise<Reader>;
  /** Whether not everybody may read a repository, so that nothing of it may be kept where others get it from. */
  isPrivate(repository: string): boolean;
}

/**
 * The name that is looked up in place of one that does not exist for who asks. No repository can have it, so that it goes the
 * way of each unknown name and takes as long.
 */
export function nameOfNone(repository: string): string {
  return `${repository}/`;
}
