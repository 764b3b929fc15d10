import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Fault } from '@gantry/oci';
import { accessWarnings } from './access-checks.ts';
import { crossProblems } from './checks.ts';
import { completeConfiguration } from './complete.ts';
import type { Configuration } from './configuration.ts';
import { type ConfigurationDocument, readConfigurationDocument } from './document.ts';
import { placeProblems } from './engine-checks.ts';
import { showEngineUrl } from './engine-address.ts';
import { ENGINES } from './engines.ts';
import {
  type Environment,
  type EnvironmentSetting,
  locateInEnvironment,
  locateWithin,
  overlay,
  readEnvironment,
} from './environment.ts';
import { endedAllowances } from './gate-checks.ts';
import { problemsIn } from './issues.ts';
import { httpBesideTls, mirrorsOnLoopback, placesWithoutFiles, privateForNobody } from './mirror-warnings.ts';
import { shortGraces } from './collection.ts';
import { unreadableFiles } from './named-files.ts';
import {
  configurationFault,
  formatPlace,
  type KeyPath,
  type Place,
  type Problem,
  problemLines,
  problemText,
} from './problems.ts';
import { ConfigurationFile, configurationJsonSchema, EMBEDDED_DEFAULTS } from './schema.ts';
import { unusableRedirectJson } from './redirect-json-files.ts';
import { isRecord, type SchemaShape, withoutEmpty } from './schema-shape.ts';
import { MASK } from './secret.ts';
import { unusedTrees } from './tree-checks.ts';

/** The file that is taken from the working folder when none is named. */
export const DEFAULT_FILE = 'gantry.yaml';
const MAX_BYTES = 4 * 1024 * 1024;

export interface LoadOptions {
  /** As the user wrote it; absent: `GANTRY_CONFIG`, else `gantry.yaml` in `cwd` if there is one, else the defaults. */
  readonly file?: string | undefined;
  readonly env: Environment;
  readonly cwd: string;
  /** Whether to warn of files that the configuration names and that can't be read or used here. */
  readonly lookAtFiles?: boolean;
}

export interface LoadedConfiguration {
  readonly configuration: Configuration;
  /** The file that was read, absolute; absent: there was none. */
  readonly file?: string;
  /** The top keys that the file or the environment has, or that are set where there is no file. */
  readonly sections: readonly string[];
  /** Sentences for whoever starts the process. */
  readonly warnings: readonly string[];
  /** Where a key stands, as `gantry.yaml:3:12`, for what is found wrong with it later. */
  readonly whereIs: (key: KeyPath) => string;
}

/**
 * Reads the configuration file, lays the environment over it and fills in the defaults.
 * @throws Fault CONFIGURATION_INVALID with a line for each thing that is wrong: where it stands, the key, the value
 * (never a secret's) and what would be right
 */
export async function loadConfiguration(options: LoadOptions): Promise<LoadedConfiguration> {
  const { file, env, cwd, lookAtFiles = false } = options;
  const named = file ?? (env['GANTRY_CONFIG'] || undefined);
  const read = await readFileText(path.resolve(cwd, named ?? DEFAULT_FILE), named);
  const document = readConfigurationDocument(read?.text ?? '', named ?? DEFAULT_FILE);
  const folder = read === undefined ? cwd : path.dirname(read.file);
  const shape: SchemaShape = configurationJsonSchema();
  const { settings, warnings } = readEnvironment(env, shape);

  const syntax = [document, ...settings.flatMap((setting) => setting.document ?? [])].flatMap(
    (one) => one.problems,
  );
  if (document.problems.length > 0 && document.value === undefined) throw configurationFault(syntax);

  const locate = (problemPath: KeyPath, atKey = false): Place =>
    locateInEnvironment(settings, problemPath, atKey) ??
    (isWritten(document.value, problemPath) ? undefined : locateWithin(settings, problemPath)) ??
    locateInFile(document, read !== undefined, problemPath, atKey);
  const located = (problems: readonly Problem[]) =>
    problems.map((one) => ({ place: locate(one.path, one.atKey), text: problemText(one) }));
  const fail = (problems: readonly Problem[]): never => {
    throw configurationFault([...syntax, ...located(problems)]);
  };

  const base = document.value ?? {};
  if (!isRecord(base))
    return fail([{ path: [], value: base, message: 'is no configuration: it must be a map' }]);
  const written = withoutEmpty(base, shape) as Record<string, unknown>;
  const start = read === undefined ? embeddedDefaults(settings) : written;
  const value = withoutEmpty(overlay(start, settings, ENGINES), shape);
  const parsed = ConfigurationFile.safeParse(value);
  if (!parsed.success) return fail(problemsIn(value, parsed.error.issues, shape));
  const configuration = completeConfiguration(parsed.data, folder);
  const problems = [
    ...crossProblems(value),
    ...placeProblems(configuration),
    ...privateForNobody(configuration),
  ];
  if (problems.length > 0 || syntax.length > 0) fail(problems);

  if (read !== undefined && read.othersMayRead && holdsSecret(base)) {
    warnings.push(
      `${read.file} holds a secret and other users may read it: chmod 600, or put the secret into a file`,
    );
  }
  warnings.push(
    ...problemLines(
      located([
        ...accessWarnings(configuration),
        ...unusedTrees(configuration),
        ...mirrorsOnLoopback(configuration),
        ...httpBesideTls(configuration),
        ...placesWithoutFiles(configuration),
        ...shortGraces(configuration),
        ...endedAllowances(value, new Date()),
      ]),
    ),
  );
  if (lookAtFiles) {
    const absent = await unreadableFiles(value, folder);
    const isTold = ({ path: at }: Problem) => absent.some((told) => isDeepStrictEqual(told.path, at));
    const unusable = (await unusableRedirectJson(configuration.crane)).filter((one) => !isTold(one));
    warnings.push(...problemLines(located([...absent, ...unusable])));
  }
  return {
    configuration,
    ...(read !== undefined && { file: read.file }),
    sections: isRecord(value) ? Object.keys(value) : [],
    warnings,
    whereIs: (key) => formatPlace(locate(key)),
  };
}

/** What stands in place of a file. The built-in web server is of a tree in a folder. */
function embeddedDefaults(settings: readonly EnvironmentSetting[]): Record<string, unknown> {
  const { tree, ...rest } = EMBEDDED_DEFAULTS;
  const isElsewhere = settings.some(({ path: [section, engine] }) => section === 'tree' && engine === 's3');
  return isElsewhere ? rest : { tree, ...rest };
}

function isWritten(value: unknown, [first, ...rest]: KeyPath): boolean {
  if (first === undefined) return true;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, first)) return false;
  return isWritten((value as Record<string | number, unknown>)[first], rest);
}

function locateInFile(document: ConfigurationDocument, exists: boolean, at: KeyPath, atKey: boolean): Place {
  return exists ? document.locate(at, atKey) : { name: 'the defaults' };
}

/** The text of the file; undefined when there is none and none was named. */
async function readFileText(
  file: string,
  named: string | undefined,
): Promise<{ file: string; text: string; othersMayRead: boolean } | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const stats = await handle.stat();
    if (stats.isDirectory()) throw unreadable(file, 'is a folder: name the file in it');
    if (stats.size > MAX_BYTES) throw unreadable(file, `is larger than ${MAX_BYTES} bytes`);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await handle.readFile());
    return { file, text, othersMayRead: process.platform !== 'win32' && (stats.mode & 0o077) !== 0 };
  } catch (error) {
    if (error instanceof Fault) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && named === undefined) return undefined;
    if (code === 'ENOENT') throw unreadable(file, 'is not there');
    throw unreadable(
      file,
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8' : `can not be read: ${code}`,
    );
  } finally {
    await handle?.close();
  }
}

function unreadable(file: string, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `the configuration file ${file} ${why}`, { file });
}

/** Whether a secret stands in the file itself. */
function holdsSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsSecret);
  if (!isRecord(value)) return false;
  return Object.entries(value).some(
    ([key, inner]) => (typeof inner === 'string' && isSecretText(key, inner)) || holdsSecret(inner),
  );
}

function isSecretText(key: string, value: string): boolean {
  if (key === 'url') return showEngineUrl(value, MASK) !== value;
  return (
    key === 'secret' ||
    key === 'password' ||
    key === 'bindPassword' ||
    key === 'token' ||
    key === 'secretAccessKey'
  );
}
