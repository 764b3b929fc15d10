import { Fault, parseDigest, parseRepositoryName, parseTagOrDigest } from '@gantry/oci';
import { createBlobReader } from './blobs.ts';
import { listRepositories, listTags } from './listing.ts';
import { createManifestReader } from './manifests.ts';
import { readOptions, type RegistryOptions } from './options.ts';
import { createReferrersReader } from './referrers.ts';
import type { Registry } from './registry.ts';
import { openTransport } from './transport.ts';

/**
 * Opens a registry to read from. Nothing is sent before the first call.
 * @throws Fault CONFIGURATION_INVALID
 */
export function openRegistry(options: RegistryOptions): Registry {
  const source = readOptions(options);
  const transport = openTransport(source);
  const manifests = createManifestReader(source, transport);
  const blobs = createBlobReader(source, transport);
  const readReferrers = createReferrersReader(source, transport);

  return {
    name: source.name,
    url: source.origin.origin,

    repositories: (list) => listRepositories(source, transport, list),

    tags: (repository, list) => listTags(source, transport, parseRepositoryName(repository), list),

    async head(repository, reference, { signal } = {}) {
      parseTagOrDigest(reference);
      return manifests.head(parseRepositoryName(repository), reference, signal);
    },

    async manifest(repository, reference, { signal } = {}) {
      parseTagOrDigest(reference);
      return manifests.manifest(parseRepositoryName(repository), reference, signal);
    },

    async blob(repository, digest, from = 0, more = {}) {
      checkPlace(from);
      return blobs.blob(parseRepositoryName(repository), parseDigest(digest), from, more);
    },

    async foreign(url, from = 0, more = {}) {
      checkPlace(from);
      return blobs.foreign(url, from, more);
    },

    async referrers(repository, digest, more = {}) {
      return readReferrers(parseRepositoryName(repository), parseDigest(digest), more);
    },

    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}

function checkPlace(from: number): void {
  if (Number.isSafeInteger(from) && from >= 0) return;
  throw new Fault('REQUEST_INVALID', `${from} is no place in a blob: a whole number from 0 on is`, { from });
}
