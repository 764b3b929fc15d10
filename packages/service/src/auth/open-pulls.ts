import type {
  PrivateConfiguration,
  PullTokenMaking,
  PullTokensConfiguration,
} from '../configuration/private.ts';
import { readPem } from '../http/tls-server.ts';
import type { PasswordFile } from './htpasswd/htpasswd.ts';
import type { IssuersOptions } from './open-issuers.ts';
import type { PullRules } from './pull-rules.ts';
import type { PullToken } from './pull-tokens/sign.ts';
import type { VerifyPull } from './pull-tokens/verify.ts';

/** Who may pull what. @throws Fault CONFIGURATION_INVALID for what is no glob */
export async function openPullRules({
  repositories,
  readers,
}: Pick<PrivateConfiguration, 'repositories' | 'readers'>): Promise<PullRules> {
  const { createPullRules } = await import('./pull-rules.ts'); // its regular expressions are not small
  return createPullRules(repositories, readers);
}

/** Opens `crane.private.htpasswdFile`. @throws Fault CONFIGURATION_INVALID */
export async function openPasswordFile(
  file: string,
  log: { error(fields: object, event: string): void },
): Promise<PasswordFile> {
  const { openHtpasswd } = await import('./htpasswd/htpasswd.ts');
  return openHtpasswd(file, { key: 'crane.private.htpasswdFile', log });
}

/**
 * Reads the keys of `crane.private.tokens`; those of an address are asked for when the first token comes.
 * @param timing of the questions for those
 * @throws Fault CONFIGURATION_INVALID
 */
export async function openPullTokens(
  tokens: PullTokensConfiguration,
  timing: Pick<IssuersOptions, 'timeoutMs' | 'cooldownMs' | 'retryMs'> = {},
): Promise<VerifyPull> {
  const { pullTokenVerifier } = await import('./pull-tokens/verify.ts');
  const { readPublicKeys } = await import('./pull-tokens/keys.ts');
  const { keyFiles, jwksUri, caFile, issuer } = tokens;
  const where = 'crane.private.tokens';
  const keys = await Promise.all(
    keyFiles.map((file, index) => readPublicKeys(file, `${where}.keyFiles[${index}]`)),
  );
  if (jwksUri === undefined) return pullTokenVerifier({ ...tokens, keys });
  const { issuerKeys } = await import('./jwt/issuer-keys.ts');
  const ca = caFile === undefined ? undefined : await readPem(caFile, `${where}.caFile`);
  const published = issuerKeys({ issuer, jwksUri, ...(ca !== undefined && { ca }), ...timing });
  return pullTokenVerifier({ ...tokens, keys: [...keys, published] });
}

/** Signs a token for who may pull. */
export type SignPull = (token: Pick<PullToken, 'subject' | 'access' | 'now'>) => Promise<string>;

/** Reads the key of `api.pullTokens`. @throws Fault CONFIGURATION_INVALID */
export async function openPullSigner({
  issuer,
  service,
  keyFile,
  ttlMs,
}: PullTokenMaking): Promise<SignPull> {
  const { readPullTokenKey, signPullToken } = await import('./pull-tokens/sign.ts');
  const key = await readPullTokenKey(keyFile, 'api.pullTokens.keyFile');
  return (token) => signPullToken(key, { ...token, issuer, service, ttlMs });
}
