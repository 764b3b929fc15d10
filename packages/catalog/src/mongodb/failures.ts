import { Fault } from '@gantry/oci';
import {
  MongoAPIError,
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoOperationTimeoutError,
  MongoParseError,
  MongoServerError,
  MongoServerSelectionError,
  MongoWriteConcernError,
} from 'mongodb';

/** What a call to the server threw. */
export type MongoFailure = 'passing' | 'duplicate' | 'full' | 'too large' | 'refused' | 'other';

/** Codes of the server (https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml). */
const FAILURES: ReadonlyMap<number, MongoFailure> = new Map([
  [6, 'passing'], // HostUnreachable
  [7, 'passing'], // HostNotFound
  [43, 'passing'], // CursorNotFound: the server that held it is gone
  [50, 'passing'], // MaxTimeMSExpired
  [64, 'passing'], // WriteConcernTimeout
  [79, 'other'], // UnknownReplWriteConcern
  [89, 'passing'], // NetworkTimeout
  [91, 'passing'], // ShutdownInProgress
  [100, 'passing'], // UnsatisfiableWriteConcern: too few members just now
  [112, 'passing'], // WriteConflict
  [133, 'passing'], // FailedToSatisfyReadPreference
  [134, 'passing'], // ReadConcernMajorityNotAvailableYet
  [189, 'passing'], // PrimarySteppedDown
  [262, 'passing'], // ExceededTimeLimit
  [317, 'passing'], // ConnectionPoolExpired
  [9001, 'passing'], // SocketException
  [10058, 'passing'], // LegacyNotPrimary
  [10107, 'passing'], // NotWritablePrimary
  [11600, 'passing'], // InterruptedAtShutdown
  [11602, 'passing'], // InterruptedDueToReplStateChange
  [13435, 'passing'], // NotPrimaryNoSecondaryOk
  [13436, 'passing'], // NotPrimaryOrSecondary
  [11000, 'duplicate'], // DuplicateKey
  [11001, 'duplicate'],
  [14031, 'full'], // OutOfDiskSpace
  [10334, 'too large'], // BSONObjectTooLarge
  [17280, 'too large'], // KeyTooLong
  [17419, 'too large'],
  [17420, 'too large'],
  [13, 'refused'], // Unauthorized
  [18, 'refused'], // AuthenticationFailed
  [8000, 'refused'], // AtlasError
]);

/** Which failure of the driver or the server `error` is; undefined when it is none. */
export function mongoFailure(error: unknown): MongoFailure | undefined {
  if (!(error instanceof MongoError)) return undefined;
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return 'passing';
  if (error instanceof MongoOperationTimeoutError) return 'passing';
  // What was written is not on the majority yet, or the server can't say so: to be repeated until it is.
  if (error instanceof MongoWriteConcernError) return 'passing';
  if (error instanceof MongoBulkWriteError) {
    if (error.result.getWriteConcernError() !== undefined) return 'passing';
    // A connection that broke stands within.
    if (error.errorResponse instanceof MongoError) return mongoFailure(error.errorResponse);
  }
  const known = typeof error.code === 'number' ? FAILURES.get(error.code) : undefined;
  if (known !== undefined) return known;
  if (/\b(?:disk is full|no space left|disk full)\b/i.test(error.message)) return 'full';
  if (error.hasErrorLabel('RetryableWriteError') || error.hasErrorLabel('RetryableError')) return 'passing';
  // The pool was closed under the call, or a session ended with it.
  if (error instanceof MongoAPIError && /closed|not connected|expired/i.test(error.message)) return 'passing';
  return 'other';
}

/** Whether a write found its key taken. */
export function isDuplicate(error: unknown): boolean {
  return mongoFailure(error) === 'duplicate';
}

/** The fault of a failed call to the catalog `name`. What is not the server's doing comes back as it is. */
export function catalogFault(error: unknown, name: string): unknown {
  const details = { catalog: name };
  const options = { cause: error };
  const said = whatItSays(error);
  switch (mongoFailure(error)) {
    case 'passing':
      return new Fault('UNAVAILABLE', `the catalog ${name} does not answer (${said})`, details, options);
    case 'full':
      return new Fault('STORAGE_FULL', `no space left for the catalog ${name}`, details, options);
    case 'too large':
      return new Fault(
        'REQUEST_UNPROCESSABLE',
        `a record is too large for the catalog ${name}, which takes 16 MiB: ask for fewer things at once`,
        details,
        options,
      );
    case 'refused':
      return new Fault(
        'UNAVAILABLE',
        `the catalog ${name} refuses Gantry's user (${said}): look at its password and at its role, which is readWrite`,
        details,
        options,
      );
    case 'duplicate':
    case 'other':
      return new Fault(
        'UNAVAILABLE',
        `the catalog ${name} answered with an error: ${said}`,
        details,
        options,
      );
    default:
      return error;
  }
}

/** The fault of a `catalog.mongodb.url` that can not be opened. What is not the address's fault comes back as it is. */
export function openingFault(error: unknown, name: string): unknown {
  switch (mongoFailure(error)) {
    case 'refused':
      return unusableDatabase(
        name,
        `refuses Gantry's user (${whatItSays(error)}): name one that has the role readWrite on this database`,
        error,
      );
    case 'other':
      return unusableDatabase(name, `can not be used: ${whatItSays(error)}`, error);
    default:
      return catalogFault(error, name);
  }
}

/** A fault of the configuration: what is wrong with the database that `catalog.mongodb.url` names, and what to do. */
export function unusableDatabase(name: string, what: string, cause?: unknown): Fault {
  return new Fault(
    'CONFIGURATION_INVALID',
    `catalog.mongodb.url: ${name} ${what}`,
    { catalog: name },
    { cause },
  );
}

/** What an error says, without the address it may quote. */
function whatItSays(error: unknown): string {
  if (error instanceof MongoParseError) return 'it is not a MongoDB address';
  const message = error instanceof Error ? error.message : String(error);
  const name = error instanceof MongoServerError ? error.codeName : undefined;
  return withoutCredentials(name === undefined || name === '' ? message : `${name}: ${message}`);
}

/** A text without what stands between `//` and `@` in the addresses it quotes. */
export function withoutCredentials(said: string): string {
  return said.replaceAll(/(mongodb(?:\+srv)?:\/\/)[^\s/]*@/g, '$1');
}
