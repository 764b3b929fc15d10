import type { Tasks } from '../catalog.ts';
import type { Task } from '../records.ts';
import { idTaken } from '../taken.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';
import { newestFirst } from './newest-first.ts';
import { eventKeeper } from './outbox.ts';

const COLUMNS = 'revision, document';

export function sqliteTasks(database: Database): Tasks {
  const insert = database.prepare(`
    INSERT INTO tasks (id, revision, state, kind, created_at, document)
    VALUES (:id, 1, :state, :kind, :createdAt, :document)
  `);
  const replace = database.prepare(`
    UPDATE tasks SET revision = revision + 1, state = :state, document = :document
    WHERE id = :id AND revision = :revision
  `);
  const get = database.prepare(`SELECT ${COLUMNS} FROM tasks WHERE id = ?`);
  const inStates = database.prepare(`
    SELECT ${COLUMNS} FROM tasks WHERE state IN (SELECT value FROM json_each(?)) ORDER BY created_at, sequence
  `);
  const keepEvents = eventKeeper(database);
  const list = newestFirst(database, {
    name: 'tasks',
    columns: COLUMNS,
    time: 'created_at',
    filters: ['state', 'kind'],
    indexes: [[], ['state'], ['kind'], ['state', 'kind']],
    item: read,
  });

  return {
    create(task) {
      const { id, state, kind, createdAt } = task;
      const document = JSON.stringify(task);
      return database.write(() => {
        if (get.get(id) !== undefined) throw idTaken('task', id);
        insert.run({ id, state, kind, createdAt, document });
        return { ...task, revision: 1 };
      });
    },
    get: (id) => database.read(() => maybe(get.get(id), read)),
    replace(task, events = []) {
      const { id, revision, state } = task;
      const document = JSON.stringify(task);
      return database.write(() => {
        const { changes } = replace.run({ id, revision, state, document });
        if (changes === 0) return undefined;
        keepEvents(events);
        return { ...task, revision: revision + 1 };
      });
    },
    inStates: (states) => database.read(() => inStates.all(JSON.stringify(states)).map(read)),
    list: (query) => database.read(() => list({ state: query.state, kind: query.kind }, query)),
  };
}

/** The revision is the column's alone. */
function read(row: unknown): Task {
  const { revision } = row as { revision: number };
  return { ...(documentIn(row) as Task), revision };
}
