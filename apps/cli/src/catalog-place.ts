import path from 'node:path';
import type { CatalogConfiguration } from '@gantry/catalog';
import { Fault, quote } from '@gantry/oci';
import { loadConfiguration, mongodbUrlProblem } from '@gantry/service';
import type { Environment } from './cli.ts';
import { catalogSettings } from './serve/engine-settings.ts';

/** What a command line may name a catalog by, for `--help`. */
export const CATALOG_PLACES =
  'a file, sqlite:FILE, a mongodb:// address, env:NAME (a variable that holds one of these), or a configuration file (.yaml, .yml, .json)';

const CONFIGURATION_FILE = /\.(?:yaml|yml|json)$/i;

/**
 * The catalog that a word of the command line names. An address with a password is better kept out of the list of
 * processes: in a variable, or in a configuration file with its `urlFile`.
 * @param word see {@link CATALOG_PLACES}
 * @param option which option the word is of, for messages
 * @throws Fault REQUEST_INVALID, CONFIGURATION_INVALID
 */
export async function catalogAt(
  word: string,
  option: string,
  cli: Pick<Environment, 'cwd' | 'env'>,
): Promise<CatalogConfiguration> {
  const variable = /^env:(.*)$/is.exec(word)?.[1];
  if (variable !== undefined) {
    const value = cli.env[variable];
    if (value === undefined || value === '' || /^env:/i.test(value)) {
      throw new Fault(
        'REQUEST_INVALID',
        `${option}: the environment variable ${quote(variable)} holds no file and no address`,
      );
    }
    return catalogAt(value, `${option} (${variable})`, cli);
  }
  if (CONFIGURATION_FILE.test(word)) return catalogOfFile(word, cli);
  if (/^mongodb(?:\+srv)?:\/\//i.test(word)) {
    const problem = mongodbUrlProblem(word);
    if (problem !== undefined) throw new Fault('REQUEST_INVALID', `${option}: the address ${problem}`);
    return { mongodb: { url: word } };
  }
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(word)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'sqlite') {
    throw new Fault(
      'REQUEST_INVALID',
      `${option}: ${quote(`${scheme}:`)} is no catalog: name ${CATALOG_PLACES}`,
    );
  }
  const file = scheme === undefined ? word : word.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
  if (file === '' || file.includes('\0')) {
    throw new Fault('REQUEST_INVALID', `${option}: no file is named: name ${CATALOG_PLACES}`);
  }
  return { sqlite: { file: path.resolve(cli.cwd, file) } };
}

/** The catalog section of a file. Variables that set the catalog are left out: they would set it in every file. */
async function catalogOfFile(
  file: string,
  cli: Pick<Environment, 'cwd' | 'env'>,
): Promise<CatalogConfiguration> {
  const env = Object.fromEntries(
    Object.entries(cli.env).filter(([name]) => !name.startsWith('GANTRY_CATALOG')),
  );
  const { configuration } = await loadConfiguration({ file, env, cwd: cli.cwd });
  return catalogSettings(configuration.catalog);
}
