import { Fault } from '@gantry/oci';
import type { Flow } from '@gantry/pipeline';
import {
  ADMIN_NAME,
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

/** @throws Fault CONFIGURATION_INVALID for what can not be read, and for the name of a token that was made and not revoked */
export async function openAuthenticator(
  { api }: Configuration,
  { catalog, log, now }: Flow,
): Promise<OpenAuthenticator> {
  const { file, token } = await ensureAdminToken(api.adminTokenFile);
  const configured = [
    ...(await readTokens(api.tokens)),
    { name: ADMIN_NAME, token, scopes: ['admin'] as const },
  ];
  for (const { name } of configured) {
    if ((await catalog.tokens.byName(name)) === undefined) continue;
    throw new Fault(
      'CONFIGURATION_INVALID',
      `api.tokens: a token ${name} was made already, and one name is one caller: choose another, or take it out here and revoke that one`,
      { tokenName: name },
    );
  }
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
