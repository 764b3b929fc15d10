import type { Outbox } from '../catalog.ts';
import type { OutboxEvent } from '../records.ts';
import type { Database } from './database.ts';
import { documentIn } from './documents.ts';

/** The events that wait. The catalog's clock is that of the machine, read inside the write's transaction. */
export function sqliteOutbox(database: Database): Outbox {
  const pending = database.prepare(
    'SELECT document FROM outbox WHERE stored_at <= ? ORDER BY stored_at, place LIMIT ?',
  );
  // Any time is later than no text: so the index alone is read.
  const count = database.prepare(
    "SELECT count(*) AS count FROM (SELECT 1 FROM outbox WHERE stored_at > '' LIMIT ?) AS counted",
  );
  const remove = database.prepare('DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?))');
  return {
    pending: (before, limit) => database.read(() => pending.all(before, limit).map(read)),
    count: (limit) => database.read(() => Number(count.get(limit)?.['count'])),
    async sent(events) {
      if (events.length === 0) return;
      const ids = JSON.stringify(events.map(({ id }) => id));
      await database.write(() => remove.run(ids));
    },
  };
}

/** Gives what stores events; called inside the write of the record that they follow from. */
export function eventKeeper(database: Database): (events: readonly OutboxEvent[]) => void {
  const insert = database.prepare('INSERT INTO outbox (id, stored_at, document) VALUES (?, ?, ?)');
  return (events) => {
    if (events.length === 0) return;
    const storedAt = new Date().toISOString();
    for (const event of events) insert.run(event.id, storedAt, JSON.stringify(event));
  };
}

const read = (row: unknown) => documentIn(row) as OutboxEvent;
