import type { Confirmation, Confirmations, MirrorState } from '../confirmations.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Database } from './database.ts';
import { documentIn } from './documents.ts';
import { eventKeeper } from './outbox.ts';

export function sqliteConfirmations(database: Database): Confirmations {
  const put = database.prepare(`
    INSERT INTO confirmations (tree, serial, mirror, document) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET document = excluded.document WHERE document ->> 'state' <> 'confirmed'
  `);
  const of = database.prepare(
    'SELECT document FROM confirmations WHERE tree = ? AND serial = ? ORDER BY mirror',
  );
  const list = database.prepare(`
    SELECT document, rank, mirror FROM confirmations WHERE tree = ? AND (rank, mirror) > (?, ?)
    ORDER BY rank, mirror LIMIT ?
  `);
  const putMirror = database.prepare(`
    INSERT INTO mirrors (tree, mirror, document) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET document = excluded.document
  `);
  const mirrors = database.prepare('SELECT document FROM mirrors WHERE tree = ? ORDER BY mirror');
  const cursors = cursorsOf('confirmations', ['number', 'string']);
  const keepEvents = eventKeeper(database);

  return {
    put(confirmation, events = []) {
      const { tree, serial, mirror } = confirmation;
      const document = JSON.stringify(confirmation);
      return database.write(() => {
        const isPut = put.run(tree, serial, mirror, document).changes > 0;
        if (isPut) keepEvents(events);
        return isPut;
      });
    },
    of: (tree, serial) => database.read(() => of.all(tree, serial).map(read)),
    list: (tree, { limit, cursor }) =>
      database.read(() => {
        const after = cursor === undefined ? BEFORE_ALL : cursors.decode(cursor);
        const rows = list.all(tree, ...after, rowsFor(limit)) as unknown as Ranked[];
        return pageOf(rows, limit, read, ({ rank, mirror }) => cursors.encode([rank, mirror]));
      }),
    async putMirror(state) {
      const document = JSON.stringify(state);
      await database.write(() => void putMirror.run(state.tree, state.mirror, document));
    },
    mirrors: (tree) => database.read(() => mirrors.all(tree).map((row) => documentIn(row) as MirrorState)),
  };
}

interface Ranked {
  readonly rank: number;
  readonly mirror: string;
}

const BEFORE_ALL = [Number.MIN_SAFE_INTEGER, ''] as const;

const read = (row: unknown) => documentIn(row) as Confirmation;
