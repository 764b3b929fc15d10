import type { Tokens } from '@gantry/catalog';
import {
  authenticateByStoredTokens,
  type Authenticator,
  type Configuration,
  createTokenTable,
  ensureAdminToken,
  firstToIdentify,
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

/** @param tokens those that are made while services run @throws Fault CONFIGURATION_INVALID */
export async function openAuthenticator(
  { api }: Configuration,
  tokens: Tokens,
  now: () => Date,
): Promise<OpenAuthenticator> {
  const { file, token } = await ensureAdminToken(api.adminTokenFile);
  const configured = [
    ...(await readTokens(api.tokens)),
    { name: 'admin', token, scopes: ['admin'] as const },
  ];
  return {
    authenticator: firstToIdentify([createTokenTable(configured), authenticateByStoredTokens(tokens, now)]),
    configuredTokens: configured.map(({ name }) => name),
    admin: { file, token },
  };
}
