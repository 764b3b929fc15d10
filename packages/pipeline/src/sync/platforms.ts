import { type Descriptor, Fault, platformName, quote } from '@gantry/oci';

/** Which children of an index are taken. */
export interface PlatformFilter {
  /** Tells filters apart. */
  readonly key: string;
  /** An entry that names no platform is taken, as is one for `unknown`, which belongs to another entry (an attestation). */
  takes(child: Descriptor): boolean;
  /** Whether a platform's name is wanted. */
  wants(platform: string): boolean;
}

const PLATFORM = /^[a-z0-9._-]+\/[a-z0-9._-]+(?:\/[a-z0-9._-]+)?$/i;

/**
 * `linux/amd64` takes any variant of it, `linux/arm/v7` just that one.
 * @throws Fault CONFIGURATION_INVALID
 */
export function createPlatformFilter(platforms: readonly string[]): PlatformFilter {
  const wrong = platforms.find((platform) => !PLATFORM.test(platform));
  if (wrong !== undefined) {
    throw new Fault(
      'CONFIGURATION_INVALID',
      `${quote(wrong)} is not a platform: write for instance linux/amd64 or linux/arm/v7`,
    );
  }
  const wants = (name: string) =>
    platforms.some((platform) => name === platform || name.startsWith(`${platform}/`));
  return {
    key: platforms.toSorted().join(),
    wants,
    takes: ({ platform }) =>
      platform === undefined || platform.os === 'unknown' || wants(platformName(platform)),
  };
}
