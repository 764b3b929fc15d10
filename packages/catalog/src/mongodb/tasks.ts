import type { Tasks } from '../catalog.ts';
import type { Task } from '../records.ts';
import { idTaken } from '../taken.ts';
import type { Database } from './database.ts';
import { placeOf, recordIn, text } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { replaceGuarded } from './guarded.ts';
import { catchUp, type ListedRow, newestFirst } from './newest-first.ts';
import { eventKeeper, type OutboxRow } from './outbox.ts';
import { firstWriter, newToken, type TokenRow } from './tokens.ts';

export interface TaskRow extends ListedRow, OutboxRow, TokenRow {
  readonly revision: number;
  readonly state: string;
  readonly kind: string;
  /** The token of the call that made it. */
  readonly creator: string;
}

export function mongodbTasks(database: Database): Tasks {
  const rows = database.collection<TaskRow>('tasks');
  const keep = eventKeeper(database);
  const list = newestFirst(database, rows, {
    name: 'tasks',
    time: ({ createdAt }: Task) => createdAt,
    indexes: [
      ['tasks_list'],
      ['tasks_list_state', 'state'],
      ['tasks_list_kind', 'kind'],
      ['tasks_list_state_kind', 'state', 'kind'],
    ],
    item: read,
  });

  return {
    async create(task) {
      const creator = newToken();
      return database.call(async () => {
        for (;;) {
          const sequence = await database.counters.next('tasks');
          try {
            await rows.insertOne(taskRow({ ...task, revision: 1 }, sequence, creator));
            return { ...task, revision: 1 };
          } catch (error) {
            if (!isDuplicate(error)) throw error;
          }
          const same = await rows.findOne({ _id: text(task.id) }, { projection: { creator: 1 } });
          if (same?.creator === creator) return { ...task, revision: 1 };
          if (same !== null) throw idTaken('task', task.id);
          await catchUp(database, rows, 'tasks');
        }
      });
    },
    async get(id) {
      const row = await database.call(() => rows.findOne({ _id: text(id) }));
      return row === null ? undefined : read(row);
    },
    async replace(task, events = []) {
      const { id, revision, state } = task;
      const fields = { state: text(state), document: JSON.stringify(task) };
      const replaced = await replaceGuarded(database, rows, {
        id,
        revision,
        fields,
        kept: () => keep(events),
      });
      return replaced ? { ...task, revision: revision + 1 } : undefined;
    },
    async inStates(states) {
      if (states.length === 0) return [];
      const found = await database.call(() =>
        database.find(rows, {
          index: 'tasks_list_state',
          filter: { state: { $in: states.map(text) } },
          sort: { place: 1 },
        }),
      );
      return found.map(read);
    },
    list: (query) => list({ state: query.state, kind: query.kind }, query),
  };
}

/** The row of a task that is new. */
export function taskRow(task: Task, sequence: number, creator: string): TaskRow {
  const { id, revision, state, kind, createdAt } = task;
  return {
    _id: text(id),
    version: 1,
    revision,
    sequence,
    place: placeOf(createdAt, sequence),
    state: text(state),
    kind: text(kind),
    creator,
    writers: firstWriter(revision, creator),
    document: JSON.stringify(task),
  };
}

/** The revision is the field's alone. */
function read(row: TaskRow): Task {
  return { ...(recordIn(row) as Task), revision: row.revision };
}
