/** How the User-Agent of a client begins that may take another manifest for the one that it asks for by digest. */
export const TRUSTING_AGENT = 'docker/';

/**
 * Whether a client may take another manifest for the one that it asks for by digest. Docker's engine, told to pull a tag,
 * asks for the tag's digest, then for the manifest by that, and does not compare (only where its user named a digest).
 */
export function takesManifestsOnTrust(userAgent: string | undefined): boolean {
  return userAgent?.startsWith(TRUSTING_AGENT) === true;
}
