import type { IncomingMessage } from 'node:http';
import { asFault } from '@gantry/oci';
import {
  type CertificatesConfiguration,
  createOrigins,
  type Network,
  openPasswordFile,
  openPullRules,
  openPullTokens,
  type Origins,
  type PrivateConfiguration,
  readPem,
} from '@gantry/service';
import type { CraneLogger } from '../options.ts';
import { certificateGrants } from './certificates/certificate-grants.ts';
import { createClientCertificates } from './certificates/client-certificates.ts';
import { readAuthorities } from './certificates/verify-certificate.ts';
import type { Guard } from './guard.ts';
import { createPasswordReaders } from './password-readers.ts';
import type { Reader } from './reader.ts';
import { createReaders, eitherOf, type Grants } from './readers.ts';
import { createTokenReaders } from './token-readers.ts';

export interface GuardOptions {
  /** Those that are trusted now; another list when they have changed. */
  readonly trustedProxies: () => readonly Network[];
  readonly logger: CraneLogger;
}

/**
 * Opens what knows readers, by all that the configuration names.
 * @throws Fault CONFIGURATION_INVALID for files that can not be read or used
 */
export async function openGuard(
  configuration: PrivateConfiguration,
  { trustedProxies, logger }: GuardOptions,
): Promise<Guard & Disposable> {
  const { challenge: challengeAt, tokens, htpasswdFile, certificates } = configuration;
  using stack = new DisposableStack();
  const rules = await openPullRules(configuration);
  const challenge = tokens ?? (htpasswdFile === undefined ? undefined : 'basic');
  const readers = createReaders({
    isPrivate: rules.isPrivate,
    challengeAt,
    ...(challenge !== undefined && { challenge }),
  });
  const origins = createOrigins(trustedProxies);
  const entitled = certificates && (await openCertificates(certificates, origins));
  const byPassword =
    htpasswdFile === undefined
      ? undefined
      : createPasswordReaders({
          passwords: stack.use(await openPasswordFile(htpasswdFile, logger)),
          rules,
          readers,
          networkOf: origins.networkOf,
        });
  const byToken =
    tokens &&
    createTokenReaders({
      verify: await openPullTokens(tokens),
      clockToleranceMs: tokens.clockToleranceMs,
      readers,
      logger,
    });
  const undecided = (error: unknown): Reader => {
    logger.error({ err: asFault(error) }, 'credentials could not be looked at');
    return readers.undecided;
  };

  const resources = stack.move();
  return {
    isPrivate: rules.isPrivate,
    reader(request) {
      const byCertificate = entitled?.(request);
      const known = (grants?: Grants): Reader => {
        const all = [grants, byCertificate].filter((one) => one !== undefined);
        return all.length === 0 ? readers.anybody : readers.known(eitherOf(all));
      };
      if (request.headers.authorization === undefined) return known();
      const found = byToken?.(request, known) ?? byPassword?.(request, known);
      return found instanceof Promise ? found.catch(undecided) : (found ?? known());
    },
    [Symbol.dispose]: () => resources.dispose(),
  };
}

/** Tells what the certificate that a request came with lets one read; undefined: there is none that counts. */
async function openCertificates(
  certificates: CertificatesConfiguration,
  { isTrustedProxy }: Origins,
): Promise<(request: IncomingMessage) => Grants | undefined> {
  const key = 'crane.private.certificates.caFile';
  const { caFile, header } = certificates;
  const entitlementOf = createClientCertificates({
    authorities: readAuthorities(await readPem(caFile, key), key),
    ...(header !== undefined && { header }),
    isTrustedProxy,
  });
  const grantsOf = certificateGrants(certificates);
  return (request) => {
    const entitlement = entitlementOf(request);
    return entitlement === undefined ? undefined : grantsOf(entitlement);
  };
}
