import { Fault } from '@gantry/oci';
import pino from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A pino logger: `log.info({ repository }, 'synced')`. */
export type Logger = pino.Logger;

/** Where log lines go: each is whole and ends with a line break. */
export interface LogDestination {
  write(line: string): unknown;
}

export interface LoggerOptions {
  /** The service, as `service` in every line. */
  readonly name: string;
  readonly level?: LogLevel;
  /** Standard error when absent. */
  readonly destination?: LogDestination;
}

const SECRETS = ['authorization', 'cookie', 'password', 'token', '["proxy-authorization"]', '["set-cookie"]'];
const HOLDERS = ['', '*.', 'req.headers.', 'request.headers.', 'response.headers.', 'source.credentials.'];
const MAX_CAUSES = 8;

/**
 * Writes one JSON object a line: `time` (RFC 3339), `level`, `service`, `msg`, and what is handed in. Credentials under
 * their usual names are left out, passwords in addresses too; errors are shown with their codes and causes.
 */
export function createLogger({ name, level = 'info', destination }: LoggerOptions): Logger {
  const target: LogDestination = destination ?? pino.destination({ fd: 2, sync: true });
  return pino(
    {
      level,
      base: { service: name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths(), censor: '***' },
      serializers: { err: showError, error: showError },
    },
    // Viewers take U+2028 and U+2029 for line breaks; in JSON both may stand escaped.
    { write: (line: string) => target.write(line.replaceAll(/[\u2028\u2029]/g, escapeCharacter)) },
  );
}

/** The level that `GANTRY_LOG_LEVEL` asks for; `info` when it is not set. @throws Fault CONFIGURATION_INVALID */
export function logLevelOf(env: Readonly<Record<string, string | undefined>>): LogLevel {
  const wanted = env['GANTRY_LOG_LEVEL'];
  if (wanted === undefined || wanted === '') return 'info';
  const level = LOG_LEVELS.find((known) => known === wanted.toLowerCase());
  if (level !== undefined) return level;
  throw new Fault(
    'CONFIGURATION_INVALID',
    `GANTRY_LOG_LEVEL: ${JSON.stringify(wanted)} is none of ${LOG_LEVELS.join(', ')}`,
  );
}

/** An error as it stands in a log: a stack only where the error is none that we foresaw. */
export function showError(error: unknown): unknown {
  return show(error, MAX_CAUSES);
}

function show(error: unknown, depth: number): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? withoutCredentials(error) : error;
  const known = error instanceof Fault && error.code !== 'INTERNAL';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const deeper = depth > 0;
  return {
    type: error.name,
    ...(code !== undefined && { code }),
    message: withoutCredentials(error.message),
    ...(error instanceof Fault && Object.keys(error.details).length > 0 && { details: error.details }),
    ...(!known && depth === MAX_CAUSES && { stack: withoutCredentials(error.stack ?? '') }),
    ...(deeper && error.cause !== undefined && { cause: show(error.cause, depth - 1) }),
    ...(deeper &&
      error instanceof AggregateError && {
        errors: error.errors.slice(0, 5).map((one) => show(one, depth - 1)),
      }),
  };
}

function redactedPaths(): string[] {
  return HOLDERS.flatMap((holder) =>
    SECRETS.map((key) => (key.startsWith('[') ? `${holder.replace(/\.$/, '')}${key}` : `${holder}${key}`)),
  );
}

/** Takes the user and password out of every address in a text. */
function withoutCredentials(text: string): string {
  return text.replaceAll(/:\/\/[^\s/"'@]*@/g, '://***@');
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16)}`;
}
