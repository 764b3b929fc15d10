import type { Audit, AuditEntry } from '../access.ts';
import { AUDIT_ORIGIN, chain } from '../audit-chain.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';
import { newestFirst } from './newest-first.ts';

export function sqliteAudit(database: Database): Audit {
  const insert = database.prepare(
    'INSERT INTO audit (sequence, actor, action, at, document) VALUES (?, ?, ?, ?, ?)',
  );
  const head = database.prepare(
    'SELECT document FROM audit WHERE sequence > 0 ORDER BY sequence DESC LIMIT 1',
  );
  const after = database.prepare('SELECT document FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?');
  const list = newestFirst(database, {
    name: 'audit',
    columns: 'document',
    time: 'at',
    filters: ['actor', 'action'],
    indexes: [[], ['action'], ['actor'], ['actor', 'action']],
    item: read,
  });

  return {
    async append(facts) {
      if (facts.length === 0) return [];
      return database.write(() => {
        const entries: AuditEntry[] = [];
        let last = maybe(head.get(), read) ?? AUDIT_ORIGIN;
        for (const fact of facts) {
          const entry = chain(last, fact);
          insert.run(entry.sequence, entry.actor, entry.action, entry.at, JSON.stringify(entry));
          entries.push(entry);
          last = entry;
        }
        return entries;
      });
    },
    after: (sequence, limit) => database.read(() => after.all(sequence, limit).map(read)),
    head: () => database.read(() => maybe(head.get(), read)),
    list: (query) => database.read(() => list({ actor: query.actor, action: query.action }, query)),
  };
}

const read = (row: unknown) => documentIn(row) as AuditEntry;
