import type { OidcConfiguration } from '../configuration/access-configuration.ts';
import { readPem } from '../http/tls-server.ts';
import type { Authenticator } from './authenticator.ts';

export interface IssuersOptions {
  /** Told why a token of an issuer was not taken. */
  readonly log: { info(fields: object, event: string): void };
  readonly now: () => Date;
  /** How long an issuer may take for one answer; 5 s if absent. */
  readonly timeoutMs?: number;
  /** How long after an issuer's keys were asked for they are asked for again, for a token of another key; 30 s if absent. */
  readonly cooldownMs?: number;
  /** How long after a failure an issuer is asked again; 1 s if absent. */
  readonly retryMs?: number;
}

/**
 * Knows callers by the JWTs of the issuers. They are asked for their keys when the first token comes, so that one that does not
 * answer holds up no start.
 * @throws Fault CONFIGURATION_INVALID for certificates that can not be read
 */
export async function openIssuers(
  issuers: readonly OidcConfiguration[],
  { log, now, ...timing }: IssuersOptions,
): Promise<Authenticator> {
  // Both load what a command line need not.
  const { authenticateByJwt } = await import('./jwt.ts');
  const { issuerKeys } = await import('./jwt/issuer-keys.ts');
  const opened = await Promise.all(
    issuers.map(async (one, index) => {
      const { issuer, jwksUri, caFile } = one;
      const ca = caFile === undefined ? undefined : await readPem(caFile, `api.oidc[${index}].caFile`);
      const keys = issuerKeys({
        issuer,
        ...(jwksUri !== undefined && { jwksUri }),
        ...(ca !== undefined && { ca }),
        ...timing,
      });
      return { ...one, keys };
    }),
  );
  return authenticateByJwt(opened, { log, now });
}
