import { fileSecret, type SignedUrlsConfiguration } from '@gantry/service';
import { type SignUrl, urlSigner } from './signed-urls.ts';

const SECRET_MIN_LENGTH = 32;

/** Reads the secret that mirrors know, too. @throws Fault CONFIGURATION_INVALID */
export async function openSigner({ secretFile, ttlMs }: SignedUrlsConfiguration): Promise<SignUrl> {
  const secret = fileSecret('crane.signedUrls.secretFile', secretFile, (value) =>
    value.length < SECRET_MIN_LENGTH
      ? `is shorter than ${SECRET_MIN_LENGTH} characters: openssl rand -hex 32 makes one`
      : undefined,
  );
  return urlSigner(await secret.read(), ttlMs);
}
