import type { Resolve } from './complete-engines.ts';
import type {
  Private,
  PrivateConfiguration,
  PullTokenMaking,
  PullTokens,
  SignedUrls,
  SignedUrlsConfiguration,
} from './private.ts';
import type { z } from 'zod';

export function completePrivate(
  { challenge, htpasswdFile, tokens, certificates, ...rest }: Private,
  at: Resolve,
): PrivateConfiguration {
  const asks = tokens !== undefined || htpasswdFile !== undefined;
  return {
    ...rest,
    challenge: challenge ?? (asks ? ['base'] : []),
    ...(htpasswdFile !== undefined && { htpasswdFile: at(htpasswdFile) }),
    ...(tokens !== undefined && { tokens: completeTokens(tokens, at) }),
    ...(certificates !== undefined && { certificates: completeCertificates(certificates, at) }),
  };
}

function completeTokens(
  { clockTolerance, jwksUri, caFile, keyFiles, ...rest }: NonNullable<Private['tokens']>,
  at: Resolve,
): NonNullable<PrivateConfiguration['tokens']> {
  return {
    ...rest,
    keyFiles: keyFiles.map(at),
    ...(jwksUri !== undefined && { jwksUri }),
    ...(caFile !== undefined && { caFile: at(caFile) }),
    clockToleranceMs: clockTolerance,
  };
}

function completeCertificates(
  { caFile, header, ...rest }: NonNullable<Private['certificates']>,
  at: Resolve,
): NonNullable<PrivateConfiguration['certificates']> {
  return { ...rest, caFile: at(caFile), ...(header !== undefined && { header: header.toLowerCase() }) };
}

export function completeSignedUrls(
  { secretFile, ttl }: z.output<typeof SignedUrls>,
  at: Resolve,
): SignedUrlsConfiguration {
  return { secretFile: at(secretFile), ttlMs: ttl };
}

export function completePullTokens(
  { keyFile, ttl, ...rest }: z.output<typeof PullTokens>,
  at: Resolve,
): PullTokenMaking {
  return { ...rest, keyFile: at(keyFile), ttlMs: ttl };
}
