import type { SQLInputValue, StatementSync } from 'node:sqlite';
import type { Audit, AuditEntry } from '../access.ts';
import { AUDIT_ORIGIN, chain } from '../audit-chain.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';

/** Puts an entry behind all that are there. */
export const INSERT_AUDIT = `
  INSERT INTO audit (sequence, actor, action, at, clock, document)
  VALUES (
    ?1, ?2, ?3, ?4,
    max(?4, coalesce((SELECT clock FROM audit WHERE sequence = ?1 - 1), '')),
    ?5
  )`;

export function sqliteAudit(database: Database): Audit {
  const insert = database.prepare(INSERT_AUDIT);
  const head = database.prepare(
    'SELECT document FROM audit WHERE sequence > 0 ORDER BY sequence DESC LIMIT 1',
  );
  const after = database.prepare('SELECT document FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?');
  const firstSince = database.prepare(
    'SELECT sequence FROM audit WHERE clock >= ? ORDER BY clock, sequence LIMIT 1',
  );
  const lists = {
    '': listOf(database, 'NOT INDEXED', ''),
    actor: listOf(database, 'INDEXED BY audit_list_actor', 'actor = :actor AND'),
    action: listOf(database, 'INDEXED BY audit_list_action', 'action = :action AND'),
    'actor action': listOf(
      database,
      'INDEXED BY audit_list_actor_action',
      'actor = :actor AND action = :action AND',
    ),
  };
  const cursors = cursorsOf('audit', ['number']);

  return {
    async append(facts) {
      if (facts.length === 0) return [];
      return database.write(() => {
        const entries: AuditEntry[] = [];
        let last = maybe(head.get(), read) ?? AUDIT_ORIGIN;
        for (const fact of facts) {
          const entry = chain(last, fact);
          insert.run(...auditRow(entry));
          entries.push(entry);
          last = entry;
        }
        return entries;
      });
    },
    after: (sequence, limit) => database.read(() => after.all(sequence, limit).map(read)),
    head: () => database.read(() => maybe(head.get(), read)),
    list: ({ actor, action, since, limit, cursor }) =>
      database.read(() => {
        const rows = rowsFor(limit);
        const [before] = cursor === undefined ? [Number.MAX_SAFE_INTEGER] : cursors.decode(cursor);
        const first = since === undefined ? FIRST : (firstSince.get(since) as typeof FIRST | undefined);
        if (first === undefined) return { items: [], next: null };
        const filters = {
          ...(actor === undefined ? {} : { actor }),
          ...(action === undefined ? {} : { action }),
        };
        const list = lists[Object.keys(filters).join(' ') as keyof typeof lists];
        const found = list.all({ ...filters, before, from: first.sequence, since: since ?? '', rows });
        return pageOf(
          found.map(read),
          limit,
          (entry) => entry,
          ({ sequence }) => cursors.encode([sequence]),
        );
      }),
  };
}

function listOf(database: Database, index: string, filter: string): StatementSync {
  return database.prepare(`
    SELECT document FROM audit ${index}
    WHERE ${filter} sequence >= :from AND sequence < :before AND at >= :since
    ORDER BY sequence DESC LIMIT :rows
  `);
}

/** An entry as {@link INSERT_AUDIT} takes it. */
export function auditRow(entry: AuditEntry): SQLInputValue[] {
  return [entry.sequence, entry.actor, entry.action, entry.at, JSON.stringify(entry)];
}

const FIRST = { sequence: 1 };

const read = (row: unknown) => documentIn(row) as AuditEntry;
