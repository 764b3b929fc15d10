import { readFile } from 'node:fs/promises';
import { Fault } from '@gantry/oci';
import { type LoadedConfiguration, loadConfiguration, localUrl } from '@gantry/service';
import type { Environment, GlobalOptions } from '../cli.ts';
import { printable } from '../output/text.ts';

/** The server that client commands call, and with what token. */
export interface ServerAddress {
  readonly url: string;
  readonly token?: string;
  /** The certificate that the server has, in PEM, where it is known from the configuration: no other is taken. */
  readonly certificate?: string;
  /** What is configured here, where the server is that of the configuration. */
  readonly loaded?: LoadedConfiguration;
}

/**
 * The server: `--server`, `GANTRY_SERVER`, else where the configuration's API listens. The token: `--token`,
 * `GANTRY_TOKEN`, else the administrator's beside the configuration's data, but only for a server on this machine.
 * @throws Fault REQUEST_INVALID, CONFIGURATION_INVALID
 */
export async function findServer(options: GlobalOptions, cli: Environment): Promise<ServerAddress> {
  const named = options.server ?? (cli.env['GANTRY_SERVER'] || undefined);
  const givenToken = options.token ?? (cli.env['GANTRY_TOKEN'] || undefined);
  if (named !== undefined) {
    const url = readServerUrl(named);
    if (givenToken !== undefined || !isLoopback(url)) return { url, ...checkToken(givenToken) };
    const { configuration } = await loadWithWarnings(options, cli);
    const { adminTokenFile } = configuration.api;
    return {
      url,
      ...checkToken(await readAdminToken(adminTokenFile)),
      ...(await readCertificate(configuration, url)),
    };
  }
  const loaded = await loadWithWarnings(options, cli);
  const { listen, adminTokenFile, tls } = loaded.configuration.api;
  if (listen.port === 0) {
    throw new Fault(
      'REQUEST_INVALID',
      "api.listen has port 0, so nobody knows the server's address: name it by --server or GANTRY_SERVER",
    );
  }
  const url = localUrl(listen, tls === undefined ? 'http' : 'https');
  const token = givenToken ?? (isLoopback(url) ? await readAdminToken(adminTokenFile) : undefined);
  return { url, loaded, ...checkToken(token), ...(await readCertificate(loaded.configuration, url)) };
}

/**
 * Loads the configuration and says on standard error what is odd about it.
 * @param lookAtFiles whether files that it names and nobody can read here are odd
 * @throws Fault CONFIGURATION_INVALID
 */
export async function loadWithWarnings(
  options: GlobalOptions,
  cli: Environment,
  { lookAtFiles = false }: { readonly lookAtFiles?: boolean } = {},
): Promise<LoadedConfiguration> {
  const loaded = await loadConfiguration({ file: options.config, env: cli.env, cwd: cli.cwd, lookAtFiles });
  for (const warning of loaded.warnings) cli.stderr.write(`gantry: warning: ${printable(warning)}\n`);
  return loaded;
}

/** Whether the address is one of this machine: what is sent there stays here. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function readServerUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Fault(
      'REQUEST_INVALID',
      `--server: ${JSON.stringify(text)} is not an http(s) address such as http://127.0.0.1:5090`,
    );
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new Fault(
      'REQUEST_INVALID',
      '--server: the address may hold no user, password, query or fragment; a token goes by --token or GANTRY_TOKEN',
    );
  }
  return url.href.replace(/\/+$/, '');
}

function checkToken(token: string | undefined): { token?: string } {
  if (token === undefined) return {};
  if (/^[\x21-\x7e]+$/.test(token)) return { token };
  throw new Fault(
    'REQUEST_INVALID',
    'the token holds spaces or characters that no token has: look at --token and GANTRY_TOKEN',
  );
}

/** The token, if this user may read it. */
async function readAdminToken(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** The server's own certificate, if this user may read it: its name need not be that of this machine. */
export async function readCertificate(
  { api: { tls } }: LoadedConfiguration['configuration'],
  url: string,
): Promise<{ certificate?: string }> {
  if (tls === undefined || !url.startsWith('https:')) return {};
  try {
    return { certificate: await readFile(tls.certFile, 'utf8') };
  } catch {
    return {};
  }
}
