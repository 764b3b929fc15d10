import { Worker } from 'node:worker_threads';
import { asFault } from '@gantry/oci';
import type { TreePlace } from '@gantry/service';
import type { TreeView } from '@gantry/tree';
import type { CraneLogger } from '../options.ts';
import { MAX_FOUND, type SearchBackend, type SearchFailure } from './backend.ts';
import { createNameChanges, type FurtherNames, type NameChange } from './further-names.ts';
import type { Reading } from './index-follower.ts';
import type { WordsOptions } from './repository-words.ts';
import type { Match } from './word-index.ts';

/** Finds in an index of a tree, which lives in a thread of its own: pulls wait neither for its making nor for a search. */
export interface TreeSearch extends SearchBackend, AsyncDisposable {
  /** Brings the index to a serial, in the background; until then the former one is looked through. */
  follow(view: TreeView): void;
}

/** What the thread is started with. */
export interface IndexOptions extends WordsOptions {
  /** Absent: there is no tree, and just further names are found. */
  readonly place?: TreePlace;
}

/** What goes to the thread, and what comes back from it. */
export type Errand =
  | { readonly id: number; readonly find: string; readonly limit: number }
  | { readonly serial: number; readonly root: string }
  | NameChange;
export type Reply =
  | { readonly id: number; readonly found: readonly Match[] }
  | { readonly serial: number; readonly names: number }
  | ({ readonly serial: number } & Reading)
  | { readonly serial: number; readonly failed: string };

/** The heap of the thread: 2 KB of it hold a repository, and some more are needed while it is read (docs/benchmarks.md). */
const MAX_HEAP_MIB = 1024;
/** So many may wait for the thread; more are told to come again. */
const MAX_WAITING = 50;

const NOT_YET: SearchFailure = { status: 503, message: 'the index of what is published is being made' };
const TOO_MANY: SearchFailure = { status: 503, message: 'too many are searching just now' };
const ENDED: SearchFailure = { status: 503, message: 'the search is out of order' };

/** @param further names that are found, too; a change of theirs is taken when somebody searches */
export function startTreeSearch(
  options: IndexOptions,
  logger: CraneLogger,
  further?: FurtherNames,
): TreeSearch {
  const nameChange = further && createNameChanges(further);
  const waiting = new Map<number, (found: readonly Match[] | SearchFailure) => void>();
  let state: 'nothing published' | 'not yet' | 'ready' | 'ended' = 'nothing published';
  let lastId = 0;
  const worker = new Worker(new URL('index-worker.ts', import.meta.url), {
    workerData: options,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  const send = (errand: Errand) => worker.postMessage(errand);

  const take = (reply: Reply): void => {
    if ('found' in reply) {
      waiting.get(reply.id)?.(reply.found);
      waiting.delete(reply.id);
    } else if ('failed' in reply) {
      logger.error({ serial: reply.serial }, `the search stays at an earlier serial: ${reply.failed}`);
    } else if ('names' in reply) {
      if (state === 'not yet') state = 'ready';
    } else {
      const { serial, read, unread, reason } = reply;
      if (unread > 0)
        logger.warn({ serial, unread, reason }, 'what is said of some repositories could not be read');
      logger.info({ serial, read }, `the search is at serial ${serial}`);
    }
  };
  const end = (error?: Error): void => {
    if (state === 'ended') return;
    state = 'ended';
    if (error !== undefined)
      logger.error({ err: error }, `the search ended, and takes a restart of the crane: ${error.message}`);
    for (const tell of waiting.values()) tell(ENDED);
    waiting.clear();
  };
  worker.on('message', take);
  worker.on('error', (error: unknown) => end(asFault(error)));
  worker.on('exit', (code) => end(new Error(`its thread ended with ${code}`)));

  return {
    follow({ statement: { serial, root } }) {
      if (state === 'ended') return;
      if (state === 'nothing published') state = 'not yet';
      send({ serial, root });
    },
    async find(text) {
      if (state === 'nothing published' && further === undefined) return [];
      if (state === 'not yet') return NOT_YET;
      if (state === 'ended') return ENDED;
      if (waiting.size >= MAX_WAITING) return TOO_MANY;
      if (further !== undefined && further.changes === undefined) return NOT_YET;
      const change = nameChange?.();
      if (change !== undefined) send(change);
      const id = ++lastId;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        send({ id, find: text, limit: MAX_FOUND });
      });
    },
    async [Symbol.asyncDispose]() {
      end();
      await worker.terminate();
    },
  };
}
