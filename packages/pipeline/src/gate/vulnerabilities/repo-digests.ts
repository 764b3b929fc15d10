import { type Digest, isDigest } from '@gantry/oci';

const NAMES_MAX = 1000;

/** The digests in names as `registry.example.org/team/app@sha256:…`. */
export function repoDigests(names: readonly string[] | null | undefined): Digest[] {
  return (names ?? [])
    .slice(0, NAMES_MAX)
    .map((name) => name.slice(name.lastIndexOf('@') + 1))
    .filter(isDigest);
}
