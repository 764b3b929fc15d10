import { MongoClient, type MongoClientOptions } from 'mongodb';
import { Database } from './database.ts';
import { openingFault, unusableDatabase } from './failures.ts';
import { mustWriteInOneStep } from './one-step.ts';
import { RETRY_MS, untilAnswered } from './retry.ts';
import { isNewest, migrate, MIGRATIONS, mustBeOurs, type Step } from './schema.ts';

const DEFAULT_DATABASE = 'gantry';

/** A call that hears nothing for so long is given up, and made again on another connection. */
const SILENCE_MS = 10_000;
const CLIENT_OPTIONS: MongoClientOptions = {
  appName: 'gantry',
  connectTimeoutMS: 5000,
  maxPoolSize: 32,
  readPreference: 'primary',
};
/** How long one attempt waits for a primary. */
const SELECTION_MS = 5000;

export interface OpenOptions {
  /** How long the opening, and each call, goes on trying. */
  readonly retryMs?: number;
  /** After how long a call first looks whether a newer Gantry has changed the schema. */
  readonly schemaLookMs?: number;
  /** What brings the schema forward; for tests. */
  readonly steps?: readonly Step[];
  /** Whether a catalog is taken, too, that a copy or a rebuild has not filled to its end. */
  readonly mayBeHalfFilled?: boolean;
  /** Is given each client; for tests that look at what it sends. */
  readonly onClient?: (client: MongoClient) => void;
}

/**
 * Connects to the database that the address names (`gantry` if it names none), which is made or migrated first, and
 * hands it to `use`. When `use` throws, the connections are closed again. Retryable writes, TLS, replica set and
 * credentials are as the address says and as the server can: https://www.mongodb.com/docs/manual/reference/connection-string/
 * @throws Fault CONFIGURATION_INVALID, UNAVAILABLE
 */
export async function openDatabase<T>(
  url: string,
  use: (database: Database) => T,
  options: OpenOptions = {},
): Promise<T> {
  const { retryMs = RETRY_MS, steps = MIGRATIONS, mayBeHalfFilled = false } = options;
  const { name, database: databaseName } = addressIn(url);
  const client = clientFor(url, name, { ...options, silenceMs: SILENCE_MS });
  const database = client.db(databaseName);
  const checkSchema = () => mustBeOurs(database, name, { steps, mayBeHalfFilled });
  try {
    await untilAnswered(async () => {
      await checkSchema(); // before anything is changed in it
      if (!(await isNewest(database, steps))) {
        // A step may take as long as it takes.
        await using patient = clientFor(url, name, { ...options, silenceMs: 0 });
        await migrate(patient.db(databaseName), name, steps);
      }
      await mustWriteInOneStep(database, name);
    }, retryMs);
    return use(new Database(client, database, name, { ...options, retryMs, checkSchema }));
  } catch (error) {
    await client.close();
    throw openingFault(error, name);
  }
}

function clientFor(
  url: string,
  name: string,
  { silenceMs, retryMs = RETRY_MS, onClient }: OpenOptions & { readonly silenceMs: number },
): MongoClient {
  let client: MongoClient;
  try {
    client = new MongoClient(url, {
      ...CLIENT_OPTIONS,
      serverSelectionTimeoutMS: Math.min(SELECTION_MS, retryMs),
      socketTimeoutMS: silenceMs,
      ...(onClient === undefined ? {} : { monitorCommands: true }),
    });
  } catch (error) {
    // without the cause, which may quote the address with its password
    const what = error instanceof Error ? error.name : 'it';
    throw unusableDatabase(name, `is no MongoDB address (${what}): write mongodb://host:27017/gantry`);
  }
  onClient?.(client);
  return client;
}

/** The database that an address names, and the address for people: without credentials and options. */
export function addressIn(url: string): { readonly name: string; readonly database: string } {
  const found = /^(mongodb(?:\+srv)?:\/\/)(?:[^/?]*@)?([^/?@]+)(?:\/([^?]*))?(?:\?|$)/.exec(url);
  if (found === null) {
    throw unusableDatabase('the address', 'is none of MongoDB: write mongodb://host:27017/gantry');
  }
  const [, scheme = '', hosts = '', path = ''] = found;
  const database = path === '' ? DEFAULT_DATABASE : decoded(path);
  return { name: `${scheme}${hosts}/${database}`, database };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
