import { SemVer } from 'semver';

const VERSION = /^v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(-[0-9A-Za-z.-]+)?(?:_[0-9A-Za-z._-]+)?$/;

/**
 * The version that a tag names, as semver.org orders them: `v` in front is allowed, `2.4` means 2.4.0, and what follows `_` (which
 * stands for `+` in tags) does not count. Undefined for a tag that names none.
 */
export function versionOf(tag: string): SemVer | undefined {
  const [, major, minor = '0', patch = '0', prerelease = ''] = VERSION.exec(tag) ?? [];
  if (major === undefined) return undefined;
  try {
    return new SemVer(`${Number(major)}.${Number(minor)}.${Number(patch)}${prerelease}`);
  } catch {
    return undefined; // a part before the release that semver does not allow, as -01
  }
}
