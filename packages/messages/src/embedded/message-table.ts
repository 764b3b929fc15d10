import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { DELIVERY_LIMIT } from '../messages.ts';

/** States of a message. One that was handled is gone. */
const READY = 0;
const HELD = 1;
const DEAD = 2;

/** A message as it was handed out. */
export interface HeldMessage {
  readonly id: number;
  readonly routingKey: string;
  /** JSON */
  readonly event: string;
  /** This one included. */
  readonly attempt: number;
}

export interface Taken {
  /** Oldest first. */
  readonly messages: readonly HeldMessage[];
  /** Parked, as each time they were handed out their process died. */
  readonly parked: readonly HeldMessage[];
  /** When the first message that waits for its next attempt is due; undefined if none does. */
  readonly nextDue: number | undefined;
}

/** A message that is parked. */
export interface ParkedMessage {
  readonly id: number;
  readonly routingKey: string;
  /** JSON */
  readonly event: string;
  readonly error: string | null;
  /** Null if it was parked by a Gantry that did not keep it. */
  readonly parkedAt: number | null;
}

/** The statements on the table of messages. Writes are to be made in a transaction; times are in ms since 1970. */
export class MessageTable {
  static readonly SCHEMA = `
    CREATE TABLE messages (
      id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, so that its order is that of sending
      queue TEXT NOT NULL,
      state INTEGER NOT NULL,
      routing_key TEXT NOT NULL,
      event TEXT NOT NULL CHECK (json_valid(event)),
      attempt INTEGER NOT NULL, -- how many times it was handed out
      due INTEGER NOT NULL, -- not handed out before
      holder TEXT, -- the session that it was handed out to
      held_until INTEGER NOT NULL,
      error TEXT -- of the last attempt
    ) STRICT;
    CREATE INDEX messages_queue ON messages (queue, state, id);
    CREATE INDEX messages_held ON messages (held_until) WHERE state = ${HELD};
  `;

  static readonly PARKED_AT = 'ALTER TABLE messages ADD COLUMN parked_at INTEGER';

  readonly #session: string;
  readonly #insert: StatementSync;
  readonly #expire: StatementSync;
  readonly #ready: StatementSync;
  readonly #hold: StatementSync;
  readonly #nextDue: StatementSync;
  readonly #delete: StatementSync;
  readonly #putBack: StatementSync;
  readonly #park: StatementSync;
  readonly #renew: StatementSync;
  readonly #release: StatementSync;
  readonly #depth: StatementSync;
  readonly #parkedIds: StatementSync;
  readonly #parked: StatementSync;
  readonly #replay: StatementSync;
  readonly #replayAll: StatementSync;
  readonly #discard: StatementSync;

  /** @param session who messages are handed out to */
  constructor(sqlite: DatabaseSync, session: string) {
    this.#session = session;
    this.#insert = sqlite.prepare(
      `INSERT INTO messages (queue, state, routing_key, event, attempt, due, held_until)
       VALUES (?, ${READY}, ?, ?, 0, 0, 0)`,
    );
    this.#expire = sqlite.prepare(
      `UPDATE messages SET state = ${READY}, holder = NULL WHERE state = ${HELD} AND held_until < ? AND holder <> ?`,
    );
    this.#ready = sqlite.prepare(
      `SELECT id, routing_key AS routingKey, event, attempt FROM messages
       WHERE queue = ? AND state = ${READY} AND (due <= ? OR due > ?) ORDER BY id LIMIT ?`,
    );
    this.#hold = sqlite.prepare(
      `UPDATE messages SET state = ${HELD}, attempt = attempt + 1, holder = ?, held_until = ? WHERE id = ?`,
    );
    this.#nextDue = sqlite.prepare(
      `SELECT min(due) AS due FROM messages WHERE queue = ? AND state = ${READY}`,
    );
    const ours = `WHERE id = ? AND state = ${HELD} AND holder = ?`;
    this.#delete = sqlite.prepare(`DELETE FROM messages ${ours}`);
    this.#putBack = sqlite.prepare(
      `UPDATE messages SET state = ${READY}, holder = NULL, due = ?, error = ? ${ours}`,
    );
    this.#park = sqlite.prepare(
      `UPDATE messages SET state = ${DEAD}, holder = NULL, error = ?, parked_at = ? ${ours}`,
    );
    this.#renew = sqlite.prepare(`UPDATE messages SET held_until = ? WHERE state = ${HELD} AND holder = ?`);
    this.#release = sqlite.prepare(
      `UPDATE messages SET state = ${READY}, holder = NULL WHERE state = ${HELD} AND holder = ?`,
    );
    this.#depth = sqlite.prepare(
      'SELECT state, count(*) AS count FROM messages WHERE queue = ? GROUP BY state',
    );
    const parked = `WHERE queue = ? AND state = ${DEAD}`;
    this.#parkedIds = sqlite.prepare(
      `SELECT id FROM messages ${parked} AND (coalesce(parked_at, 0), id) > (?, ?)
       ORDER BY coalesce(parked_at, 0), id LIMIT ?`,
    );
    this.#parked = sqlite.prepare(
      `SELECT id, routing_key AS routingKey, event, error, parked_at AS parkedAt FROM messages
       ${parked} AND id = ?`,
    );
    const anew = `UPDATE messages SET state = ${READY}, attempt = 0, due = 0, error = NULL, parked_at = NULL`;
    this.#replay = sqlite.prepare(`${anew} ${parked} AND id = ?`);
    this.#replayAll = sqlite.prepare(`${anew} ${parked}`);
    this.#discard = sqlite.prepare(`DELETE FROM messages ${parked} AND id = ?`);
  }

  add(queue: string, routingKey: string, event: string): void {
    this.#insert.run(queue, routingKey, event);
  }

  /**
   * Hands out up to `limit` messages that are due, those of leases that are over among them.
   * @param longestPauseMs who waits longer than this does so since the clock was set back, and is due
   */
  take(queue: string, limit: number, now: number, heldUntil: number, longestPauseMs: number): Taken {
    this.#expire.run(now, this.#session);
    const messages: HeldMessage[] = [];
    const parked: HeldMessage[] = [];
    while (messages.length < limit) {
      const wanted = limit - messages.length;
      const rows = this.#ready.all(queue, now, now + longestPauseMs, wanted) as unknown as HeldMessage[];
      for (const row of rows) {
        this.#hold.run(this.#session, heldUntil, row.id);
        if (row.attempt < DELIVERY_LIMIT) {
          messages.push({ ...row, attempt: row.attempt + 1 });
        } else {
          this.park(row.id, now, DIED);
          parked.push(row);
        }
      }
      if (rows.length < wanted) break;
    }
    const nextDue = messages.length < limit ? this.#nextDue.get(queue)?.['due'] : undefined;
    return { messages, parked, nextDue: typeof nextDue === 'number' ? nextDue : undefined };
  }

  /** Each of the three has no effect when the message was meanwhile given to another session. */
  acknowledge(id: number): void {
    this.#delete.run(id, this.#session);
  }

  putBack(id: number, due: number, error: string): void {
    this.#putBack.run(due, error, id, this.#session);
  }

  park(id: number, now: number, error: string): void {
    this.#park.run(error, now, id, this.#session);
  }

  /** Prolongs the lease of all that this session holds. */
  renew(heldUntil: number): void {
    this.#renew.run(heldUntil, this.#session);
  }

  /** Gives back what a session holds, this one if none is named. */
  releaseHeldBy(session: string = this.#session): void {
    this.#release.run(session);
  }

  /** In the order of parking, those behind one; each is read when it is asked for. Its `parkedAt` is 0 where it is not known. */
  *parked(
    queue: string,
    limit: number,
    behind: { readonly parkedAt: number; readonly id: number },
  ): Generator<ParkedMessage> {
    const { parkedAt, id } = behind;
    const ids = this.#parkedIds.all(queue, parkedAt, id, limit) as unknown as { id: number }[];
    for (const each of ids) {
      const row = this.#parked.get(queue, each.id) as unknown as ParkedMessage | undefined;
      if (row !== undefined) yield row; // else another process has taken it out
    }
  }

  /** Makes parked messages ready, all if no ids are given. @returns how many */
  replay(queue: string, ids?: readonly number[]): number {
    if (ids === undefined) return Number(this.#replayAll.run(queue).changes);
    return sum(ids.map((id) => this.#replay.run(queue, id).changes));
  }

  /** Deletes parked messages. @returns how many */
  discard(queue: string, ids: readonly number[]): number {
    return sum(ids.map((id) => this.#discard.run(queue, id).changes));
  }

  depth(queue: string): { ready: number; unacknowledged: number; dead: number } {
    const rows = this.#depth.all(queue) as unknown as { state: number; count: number }[];
    const of = (state: number) => rows.find((row) => row.state === state)?.count ?? 0;
    return { ready: of(READY), unacknowledged: of(HELD), dead: of(DEAD) };
  }
}

function sum(changes: readonly (number | bigint)[]): number {
  return changes.reduce<number>((total, each) => total + Number(each), 0);
}

/** Why a message is parked whose handler never came to an end. */
export const DIED = `its process died each of the ${DELIVERY_LIMIT} times that it was handed out`;
