import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../servers/run.ts';

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const COMPOSE_FILE = path.join(ROOT, 'docker-compose.yml');

/** A service, as far as tests look at it, with all of its anchors and short forms resolved. */
export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly target?: string };
  readonly user?: string;
  readonly hostname?: string;
  readonly entrypoint?: readonly string[] | null;
  readonly command?: readonly string[] | null;
  readonly environment?: Readonly<Record<string, string>>;
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly logging?: { readonly options?: Readonly<Record<string, string>> };
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly deploy?: {
    readonly resources?: { readonly limits?: { readonly cpus?: string; memory?: string; pids?: number } };
  };
  readonly configs?: readonly Mounted[];
  readonly secrets?: readonly Mounted[];
  readonly volumes?: readonly {
    readonly type: string;
    readonly source: string;
    readonly target: string;
    readonly read_only?: boolean;
  }[];
  readonly ports?: readonly {
    readonly host_ip?: string;
    readonly published: string;
    readonly target: number;
  }[];
  readonly networks?: Readonly<Record<string, { readonly ipv4_address?: string } | null>>;
  readonly network_mode?: string;
}

export interface Mounted {
  readonly source: string;
  readonly target: string;
}

export interface ComposeModel {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  /** The files, absolute. */
  readonly configs: Readonly<Record<string, { readonly file: string }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/**
 * docker-compose.yml as compose's own loader reads it, which checks it by the specification's schema first.
 * @param folder where a copy of the file may be written, and where `secrets` lies
 */
export async function loadComposeModel(folder: string): Promise<ComposeModel> {
  const text = await readFile(COMPOSE_FILE, 'utf8');
  const file = path.join(folder, 'docker-compose.yml');
  // compose-spec prints no model with variables that have no default.
  await writeFile(file, text.replaceAll(/\$\{GANTRY_SECRETS:\?[^}]*\}/g, path.join(folder, 'secrets')));
  return JSON.parse(await run('compose-spec', ['-format', 'json', file], { cwd: ROOT })) as ComposeModel;
}

/** Makes the secrets in the folder, as an operator does in the checkout. Gives what was said. */
export async function makeSecrets(folder: string): Promise<string> {
  return run('sh', [path.join(ROOT, 'scripts/compose/make-secrets.sh')], { cwd: folder });
}

/** A file of the checkout that compose mounts, with what a container has by other names replaced. */
export async function mountedText(
  file: string,
  replacements: Readonly<Record<string, string>> = {},
): Promise<string> {
  let text = await readFile(path.join(ROOT, file), 'utf8');
  for (const [from, to] of Object.entries(replacements)) {
    if (!text.includes(from)) throw new Error(`${file} has no ${from} any more`);
    text = text.replaceAll(from, to);
  }
  return text;
}
