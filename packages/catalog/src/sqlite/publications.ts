import type { Publications } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Publication } from '../records.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';
import { eventKeeper } from './outbox.ts';

export function sqlitePublications(database: Database): Publications {
  const put = database.prepare(`
    INSERT INTO publications (tree, serial, document) VALUES (:tree, :serial, :document)
    ON CONFLICT DO UPDATE SET document = excluded.document
    WHERE :state = 'published' OR document ->> 'state' <> 'published'
  `);
  const get = database.prepare('SELECT document FROM publications WHERE tree = ? AND serial = ?');
  const below = database.prepare(`
    SELECT document, serial FROM publications WHERE tree = ? AND serial < ? ORDER BY serial DESC LIMIT ?
  `);
  const keepEvents = eventKeeper(database);
  const cursors = cursorsOf('publications', ['number']);

  return {
    async put(publication, events = []) {
      const { tree, serial, state } = publication;
      const row = { tree, serial, state, document: JSON.stringify(publication) };
      await database.write(() => {
        const { changes } = put.run(row);
        if (changes > 0) keepEvents(events);
      });
    },
    get: (tree, serial) => database.read(() => maybe(get.get(tree, serial), read)),
    latest: (tree) => database.read(() => maybe(below.get(tree, ABOVE_ALL, 1), read)),
    list: (tree, { limit, cursor }) =>
      database.read(() => {
        const [before] = cursor === undefined ? [ABOVE_ALL] : cursors.decode(cursor);
        const rows = below.all(tree, before, rowsFor(limit)) as unknown as { serial: number }[];
        return pageOf(rows, limit, read, (last) => cursors.encode([last.serial]));
      }),
  };
}

const ABOVE_ALL = Number.MAX_SAFE_INTEGER;

const read = (row: unknown) => documentIn(row) as Publication;
