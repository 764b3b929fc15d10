import { asFault, type Digest, digestOf, Fault } from '@gantry/oci';
import {
  decodeStatement,
  MAX_STATEMENT_BYTES,
  openTree,
  serialPath,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import { LRUCache } from 'lru-cache';
import type { Lookup } from './decide.ts';
import { PackedRepository } from './packed-repository.ts';
import type { RareErrors } from './rare-errors.ts';
import { readRepository } from './read-repository.ts';

/** What names meant in earlier serials, as far as those are kept. */
export interface History {
  /** Never rejects. */
  lookup(name: string, serial: number): Promise<Lookup>;
}

export interface HistoryOptions {
  readonly source: TreeSource;
  /** The serial that is served. */
  readonly view: () => TreeView | undefined;
  readonly tellError: RareErrors;
}

const VIEWS_KEPT = 16;
const REPOSITORY_BYTES = 8 * 1024 * 1024;
/** Anyone may ask for any serial: so many look-ups read at a time, and so many wait. */
const READS_AT_ONCE = 4;
const WAITING_MAX = 100;

type Link = { readonly serial: number; readonly digest: Digest };

/**
 * Reads earlier serials on demand. Each is proved by the chain of statements from the one that is served, whose signature
 * was looked at: so keys that were rotated since need not be known, and a statement that was claimed in vain is none of
 * the tree's.
 */
export function createHistory({ source, view, tellError }: HistoryOptions): History {
  /** What each statement of the chain names as the one before it, by its own digest. */
  const links = new Map<Digest, Link | null>();
  const views = new LRUCache<number, TreeView>({ max: VIEWS_KEPT });
  const repositories = new LRUCache<string, Buffer>({
    maxSize: REPOSITORY_BYTES,
    sizeCalculation: (packed, key) => packed.length + key.length,
  });

  /** Follows the chain down to a serial. @returns the digest of its statement; undefined: it is none of the chain's */
  const proved = async ({ statement, digest }: TreeView, serial: number): Promise<Digest | undefined> => {
    links.set(digest, statement.previous);
    let at: Link | null = { serial: statement.serial, digest };
    while (at !== null && at.serial > serial) {
      let before: Link | null | undefined = links.get(at.digest);
      if (before === undefined) {
        before = await previousOf(source, at);
        links.set(at.digest, before);
      }
      at = before;
    }
    return at?.serial === serial ? at.digest : undefined;
  };

  const read = async (current: TreeView, name: string, serial: number): Promise<Lookup> => {
    const digest = await proved(current, serial);
    if (digest === undefined) return notKept(serial);
    const at = views.get(serial) ?? (await openTree(source, { serial, cacheBytes: 1024 * 1024 }));
    if (at === undefined || at.digest !== digest) return notKept(serial);
    views.set(serial, at);
    const document = await at.repositoryDigest(name);
    if (document === undefined) return { state: 'absent' };
    const key = `${document} ${name}`;
    const packed = repositories.get(key) ?? (await readRepository(source, name, document));
    repositories.set(key, packed);
    return new PackedRepository(packed);
  };

  let [reading, waiting] = [0, 0];
  const queue: (() => void)[] = [];
  const turn = async (): Promise<void> => {
    if (reading >= READS_AT_ONCE) await new Promise<void>((resolve) => void queue.push(resolve));
    else reading++;
  };
  const done = () => {
    const next = queue.shift();
    if (next === undefined) reading--;
    else next();
  };

  return {
    async lookup(name, serial) {
      const current = view();
      if (current === undefined || serial > current.statement.serial) return notKept(serial);
      if (waiting >= WAITING_MAX) return { state: 'unreadable' };
      waiting++;
      await turn();
      try {
        return await read(current, name, serial);
      } catch (error) {
        const fault = asFault(error);
        // Its documents are gone, as those of a snapshot are that is kept no more.
        if (fault.details['document'] !== undefined || fault.details['statement'] !== undefined)
          return notKept(serial);
        tellError({ repository: name, serial }, fault.message);
        return { state: 'unreadable' };
      } finally {
        waiting--;
        done();
      }
    },
  };
}

function notKept(serial: number): Lookup {
  return { state: 'not kept', serial };
}

/** What a statement names as the one before it. @throws Fault UNAVAILABLE when its bytes are not those of its digest */
async function previousOf(source: TreeSource, { serial, digest }: Link): Promise<Link | null> {
  const path = serialPath(serial);
  const bytes = await source.read(path, MAX_STATEMENT_BYTES);
  if (bytes === undefined || digestOf(bytes) !== digest) {
    throw new Fault(
      'UNAVAILABLE',
      `${path} of ${source.name} is not the statement that serials after it follow`,
      {
        statement: path,
      },
    );
  }
  return decodeStatement(bytes, path).previous;
}
