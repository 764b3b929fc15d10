import { type Digest, digestOf, Fault } from '@gantry/oci';
import {
  decodeStatement,
  MAX_STATEMENT_BYTES,
  serialPath,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';

/** A statement of the chain, and the serial that follows it. */
export interface Proved {
  readonly digest: Digest;
  /** The newest one is followed by itself. */
  readonly next: number;
}

/** The chain of statements from the serial that is served back to the first. */
export interface StatementChain {
  /**
   * Follows the chain from `view` down to a serial. Each link is read once, however many ask; they wait for each other.
   * @returns undefined: the serial is none of the chain's
   * @throws Fault UNAVAILABLE when a link is absent, or not what the one after it names
   */
  prove(view: TreeView, serial: number): Promise<Proved | undefined>;
}

interface Link {
  readonly serial: number;
  readonly digest: Digest;
}

export function createStatementChain(source: TreeSource): StatementChain {
  const proved = new Map<number, Proved>();
  let newest: Link | undefined;
  /** The oldest link that is known; what it names as the one before it was not read. */
  let oldest: Link | undefined;
  let isWhole = false;
  let turn: Promise<unknown> = Promise.resolve();

  const beforeOf = async (view: TreeView, link: Link): Promise<Link | null> =>
    link.digest === view.digest ? view.statement.previous : previousOf(source, link);

  /** Joins a new serial to those that are known: mostly it names the newest of them. */
  const join = async (view: TreeView): Promise<void> => {
    const top: Link = { serial: view.statement.serial, digest: view.digest };
    const fresh: [number, Proved][] = [[top.serial, { digest: top.digest, next: top.serial }]];
    // Of the first one nothing is known that it could be joined to.
    const downTo = newest?.serial ?? top.serial;
    let link = top;
    while (link.serial > downTo) {
      const before = await beforeOf(view, link);
      if (before === null) break;
      fresh.push([before.serial, { digest: before.digest, next: link.serial }]);
      link = before;
    }
    if (link.digest !== newest?.digest) {
      proved.clear();
      oldest = link;
      isWhole = false;
    }
    for (const [serial, known] of fresh) proved.set(serial, known);
    newest = top;
  };

  const follow = async (view: TreeView, serial: number): Promise<Proved | undefined> => {
    if (newest?.digest !== view.digest) await join(view);
    while (!isWhole && oldest !== undefined && oldest.serial > serial) {
      const before = await beforeOf(view, oldest);
      if (before === null) isWhole = true;
      else {
        proved.set(before.serial, { digest: before.digest, next: oldest.serial });
        oldest = before;
      }
    }
    return proved.get(serial);
  };

  return {
    prove(view, serial) {
      const found = turn.then(() => follow(view, serial));
      turn = found.catch(() => undefined);
      return found;
    },
  };
}

/** What a statement names as the one before it. @throws Fault UNAVAILABLE when its bytes are not those of its digest */
async function previousOf(source: TreeSource, { serial, digest }: Link): Promise<Link | null> {
  const path = serialPath(serial);
  const bytes = await source.read(path, MAX_STATEMENT_BYTES);
  if (bytes === undefined || digestOf(bytes) !== digest) throw notInChain(source, serial);
  return decodeStatement(bytes, path).previous;
}

/** Of a statement that can not be the one that is meant. */
export function notInChain(source: TreeSource, serial: number): Fault {
  const path = serialPath(serial);
  return new Fault(
    'UNAVAILABLE',
    `${path} of ${source.name} is absent, or not the statement that serials after it follow`,
    { path },
  );
}
