import { formatDuration } from './duration.ts';
import type { PrivateConfiguration, PullTokenMaking, SignedUrlsConfiguration } from './private.ts';

/** `crane.private` in the form of the file. */
export function showPrivate({ tokens, ...rest }: PrivateConfiguration): Record<string, unknown> {
  if (tokens === undefined) return rest;
  const { clockToleranceMs, ...shown } = tokens;
  return { ...rest, tokens: { ...shown, clockTolerance: formatDuration(clockToleranceMs) } };
}

/** `crane.signedUrls` in the form of the file. */
export function showSignedUrls({ secretFile, ttlMs }: SignedUrlsConfiguration): Record<string, unknown> {
  return { secretFile, ttl: formatDuration(ttlMs) };
}

/** `api.pullTokens` in the form of the file. */
export function showPullTokens({ ttlMs, ...rest }: PullTokenMaking): Record<string, unknown> {
  return { ...rest, ttl: formatDuration(ttlMs) };
}
