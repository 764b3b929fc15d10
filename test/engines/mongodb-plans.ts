import type { Db, Document } from 'mongodb';
import { INDEXES } from '../../packages/catalog/src/mongodb/indexes.ts';

export type Keys = Readonly<Record<string, 1 | -1>>;

/** What is wrong with the filter of a command, as far as indexes go. */
export function indexFaults(command: Document): string[] {
  return filtersOf(command).flatMap(({ filter, sort, hint }) => {
    const fault = faultOf(command, filter, sort, hint);
    return fault === undefined ? [] : [`${fault}: ${JSON.stringify(command)}`];
  });
}

interface Filtered {
  readonly filter: Document;
  readonly sort: Keys;
  readonly hint?: string;
}

function filtersOf(command: Document): Filtered[] {
  const asked = (command['sort'] ?? {}) as Keys | Map<string, 1 | -1>;
  const sort: Keys = asked instanceof Map ? Object.fromEntries(asked) : asked;
  const hint = command['hint'] as string | undefined;
  if ('find' in command)
    return [{ filter: (command['filter'] ?? {}) as Document, sort, ...(hint === undefined ? {} : { hint }) }];
  if ('findAndModify' in command) return [{ filter: command['query'] as Document, sort }];
  const changes = (command['updates'] ?? command['deletes']) as Document[] | undefined;
  if (changes === undefined) throw new Error(`no filter is known in ${JSON.stringify(command)}`);
  return changes.map(({ q }) => ({ filter: q as Document, sort: {} }));
}

function faultOf(
  command: Document,
  filter: Document,
  sort: Keys,
  hint: string | undefined,
): string | undefined {
  const sorted = Object.keys(sort);
  if (isOneOf(filter['_id']) && sorted.length === 0 && (hint === undefined || hint === '_id_'))
    return undefined;
  if (hint === undefined) return 'it has neither a key nor an index';
  const index = hint === '_id_' ? BY_KEY : Object.entries(INDEXES).find(([name]) => name === hint)?.[1];
  if (index === undefined) return `there is no index ${hint}`;
  if (index.collection !== undefined && index.collection !== command['find'])
    return `the index ${hint} is of ${index.collection}`;
  // What is equal comes first, then the order asked for, or one range.
  const fields = Object.keys(index.key);
  const equal = fields.findIndex((field) => !isOneOf(filter[field]) && typeof filter[field] !== 'boolean');
  const rest = fields.slice(equal < 0 ? fields.length : equal);
  if (equal === 0 && filter[fields[0] as string] === undefined && sorted[0] !== fields[0])
    return `it begins with nothing of the index ${hint}`;
  if (sorted.some((field, at) => rest[at] !== field))
    return `the index ${hint} does not sort by ${sorted.join()}`;
  return undefined;
}

/** What every collection has. */
const BY_KEY = { collection: undefined, key: { _id: 1 } };

/** A condition that is one value, or one of a list. */
function isOneOf(condition: unknown): boolean {
  if (typeof condition === 'string' || typeof condition === 'number') return true;
  return typeof condition === 'object' && condition !== null && ('$eq' in condition || '$in' in condition);
}

/** Fields of a command that bear on its plan. */
const PLANNED = [
  'find',
  'filter',
  'projection',
  'sort',
  'limit',
  'hint',
  'update',
  'updates',
  'delete',
  'deletes',
  'findAndModify',
  'query',
  'new',
  'upsert',
];

/** Whether the server tells its plans. FerretDB 1 tells one of SQLite, whose indexes it hardly uses. */
export async function tellsPlans(database: Db): Promise<boolean> {
  try {
    const answer = await database.command({ explain: { find: 'schema', filter: {} } });
    return 'winningPlan' in (answer['queryPlanner'] as Document);
  } catch (error) {
    if (error instanceof Error && /no such command/.test(error.message)) return false;
    throw error;
  }
}

/** Steps of MongoDB's plan of a command that go through a collection, or sort. */
export async function scansIn(database: Db, command: Document): Promise<string[]> {
  const asked: Document = {};
  for (const field of PLANNED) if (field in command) asked[field] = command[field] as unknown;
  const many = 'updates' in asked ? 'updates' : 'deletes' in asked ? 'deletes' : undefined;
  const each =
    many === undefined ? [asked] : (asked[many] as Document[]).map((one) => ({ ...asked, [many]: [one] }));
  const scans: string[] = [];
  for (const one of each) {
    const { queryPlanner } = await database.command({ explain: one, verbosity: 'queryPlanner' });
    const plan = JSON.stringify((queryPlanner as Document)['winningPlan']);
    const byIndex = /"(?:IXSCAN|IDHACK|EXPRESS_IXSCAN|EXPRESS_CLUSTERED_IXSCAN|EOF)"/.test(plan);
    if (!byIndex || /"(?:COLLSCAN|SORT)"/.test(plan)) scans.push(`${JSON.stringify(one)}: ${plan}`);
  }
  return scans;
}
