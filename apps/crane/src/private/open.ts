import { fileSecret, type PrivateConfiguration, type SignedUrlsConfiguration } from '@gantry/service';
import type { Guard } from './guard.ts';
import type { GuardOptions } from './open-guard.ts';
import { type SignUrl, urlSigner } from './signed-urls.ts';

/** Opens the guard of what is private. What it is made of is loaded by those cranes alone that have one. @throws Fault CONFIGURATION_INVALID */
export async function openGuard(
  configuration: PrivateConfiguration,
  options: GuardOptions,
): Promise<Guard & Disposable> {
  const { openGuard: open } = await import('./open-guard.ts');
  return open(configuration, options);
}

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
