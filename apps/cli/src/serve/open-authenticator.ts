import type { Flow } from '@gantry/pipeline';
import {
  authenticateByStoredTokens,
  type Authenticator,
  type Configuration,
  createTokenTable,
  ensureAdminToken,
  firstToIdentify,
  openIssuers,
  openLdap,
  readTokens,
} from '@gantry/service';

/** Who may call the API, by all that the configuration names. */
export interface OpenAuthenticator {
  readonly authenticator: Authenticator;
  /** Names of the configuration's tokens. */
  readonly configuredTokens: readonly string[];
  /** The administrator's token, and where it lies. */
  readonly admin: { readonly file: string; readonly token: string };
}

/** @throws Fault CONFIGURATION_INVALID for what can not be read */
export async function openAuthenticator(
  { api }: Configuration,
  { catalog, log, now }: Flow,
): Promise<OpenAuthenticator> {
  const { file, token } = await ensureAdminToken(api.adminTokenFile);
  const configured = [
    ...(await readTokens(api.tokens)),
    { name: 'admin', token, scopes: ['admin'] as const },
  ];
  return {
    authenticator: firstToIdentify([
      createTokenTable(configured),
      authenticateByStoredTokens(catalog.tokens, now),
      ...(api.oidc.length === 0 ? [] : [await openIssuers(api.oidc, { log, now })]),
      ...(api.ldap === undefined ? [] : [await openLdap(api.ldap)]),
    ]),
    configuredTokens: configured.map(({ name }) => name),
    admin: { file, token },
  };
}
