import type { Modes, ReadOnlyMode } from '../access.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';

export function sqliteModes(database: Database): Modes {
  const get = database.prepare('SELECT document FROM modes WHERE name = ?');
  const set = database.prepare('INSERT OR REPLACE INTO modes (name, document) VALUES (?, ?)');
  return {
    readOnly: () => database.read(() => maybe(get.get(READ_ONLY), read)),
    async setReadOnly(mode) {
      const document = JSON.stringify(mode);
      await database.write(() => set.run(READ_ONLY, document));
    },
  };
}

/** The mode's name. */
export const READ_ONLY = 'read-only';

const read = (row: unknown) => documentIn(row) as ReadOnlyMode;
