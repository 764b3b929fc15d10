import path from 'node:path';
import type { Configuration, SourceConfiguration, TokenConfiguration, TreePlace } from './configuration.ts';
import type { Problem } from './problems.ts';
import type { ConfigurationFile } from './schema.ts';
import { fileSecret, literalSecret, type Secret } from './secret.ts';
import { isWebAddress, registryOrigin } from './web-address.ts';

/** Makes paths absolute, from `folder`, and gives secrets and addresses their form. */
export function completeConfiguration(file: ConfigurationFile, folder: string): Configuration {
  const at = (relative: string) => path.resolve(folder, relative);
  const { keepUntagged, refresh, ...tree } = file.tree;
  const { poll, serialFile, tree: place, adminListen, name, mirrors, ...crane } = file.crane;
  const treeRoot = at(tree.filesystem.root);
  const catalogFile = at(file.catalog.sqlite.file);
  return {
    storage: { filesystem: { root: at(file.storage.filesystem.root) } },
    catalog: { sqlite: { file: catalogFile } },
    messages: {
      embedded: { file: at(file.messages.embedded.file) },
      commandScopes: file.messages.commandScopes,
    },
    tree: {
      filesystem: { root: treeRoot },
      keepUntaggedMs: keepUntagged,
      refreshMs: refresh,
      ...(tree.listen !== undefined && { listen: tree.listen }),
    },
    sources: file.sources.map((source, index) => completeSource(source, `sources[${index}]`, at)),
    channels: file.channels.map(({ from, ...channel }) => ({
      ...channel,
      ...(from !== undefined && { from }),
    })),
    api: {
      listen: file.api.listen,
      tokens: file.api.tokens.map((token, index) => completeToken(token, `api.tokens[${index}]`, at)),
      adminTokenFile: path.join(path.dirname(catalogFile), 'admin-token'),
    },
    crane: {
      ...crane,
      ...(adminListen !== undefined && { adminListen }),
      ...(name !== undefined && { name }),
      ...(serialFile !== undefined && { serialFile: at(serialFile) }),
      tree: treePlace(place, treeRoot, at),
      pollMs: poll,
      ...(mirrors !== undefined && {
        mirrors: mirrors.map((mirror) => ({ ...mirror, url: withoutSlash(mirror.url) })),
      }),
    },
  };
}

/** What two parts of Gantry can not share. */
export function placeProblems({ storage, tree, catalog, messages }: Configuration): Problem[] {
  const problems: Problem[] = [];
  const [store, published] = [storage.filesystem.root, tree.filesystem.root];
  if (isWithin(store, published) || isWithin(published, store)) {
    problems.push({
      path: ['tree', 'filesystem', 'root'],
      value: published,
      message: `and storage.filesystem.root, ${store}, lie one in the other: each needs a folder of its own`,
    });
  }
  if (catalog.sqlite.file === messages.embedded.file) {
    problems.push({
      path: ['messages', 'embedded', 'file'],
      value: messages.embedded.file,
      message: 'is catalog.sqlite.file too: each needs a file of its own',
    });
  }
  return problems;
}

type FileSource = ConfigurationFile['sources'][number];
type Resolve = (relative: string) => string;

function completeSource(source: FileSource, key: string, at: Resolve): SourceConfiguration {
  const { credentials, tls, rename, tags, platforms, limits, every, registry, ...rest } = source;
  const known =
    credentials === undefined ? undefined : completeCredentials(credentials, `${key}.credentials`, at);
  return {
    ...rest,
    registry: registryOrigin(registry),
    ...(known !== undefined && { credentials: known }),
    tls: Object.fromEntries(
      Object.entries(tls ?? {}).flatMap(([name, file]) => (file === undefined ? [] : [[name, at(file)]])),
    ),
    ...(rename !== undefined && { rename }),
    tags: completeTags(tags),
    limits: {
      ...(limits.connections !== undefined && { connections: limits.connections }),
      ...(limits.requestsPerSecond !== undefined && { requestsPerSecond: limits.requestsPerSecond }),
      ...(limits.burst !== undefined && { burst: limits.burst }),
    },
    ...(platforms !== undefined && { platforms }),
    ...(every !== undefined && { everyMs: every }),
  };
}

function completeTags({
  include,
  exclude,
  semver,
  notOlderThan,
  latest,
  latestBy,
}: FileSource['tags']): SourceConfiguration['tags'] {
  return {
    ...(include !== undefined && { include }),
    exclude,
    ...(semver !== undefined && { semver }),
    ...(notOlderThan !== undefined && { notOlderThanMs: notOlderThan }),
    ...(latest !== undefined && { latest }),
    ...(latestBy !== undefined && { latestBy }),
  };
}

function completeCredentials(
  credentials: NonNullable<FileSource['credentials']>,
  key: string,
  at: Resolve,
): SourceConfiguration['credentials'] {
  const { username, password, passwordFile, token, tokenFile } = credentials;
  if (username !== undefined)
    return { username, password: secretOf(`${key}.password`, password, passwordFile, at) };
  return { token: secretOf(`${key}.token`, token, tokenFile, at) };
}

function completeToken(
  token: ConfigurationFile['api']['tokens'][number],
  key: string,
  at: Resolve,
): TokenConfiguration {
  return {
    name: token.name,
    token: secretOf(`${key}.token`, token.token, token.tokenFile, at),
    scopes: token.scopes,
  };
}

function secretOf(key: string, value: string | undefined, file: string | undefined, at: Resolve): Secret {
  return file === undefined ? literalSecret(key, value ?? '') : fileSecret(`${key}File`, at(file));
}

function treePlace(place: string | undefined, treeRoot: string, at: Resolve): TreePlace {
  if (place === undefined) return { directory: treeRoot };
  return isWebAddress(place) ? { url: withoutSlash(place) } : { directory: at(place) };
}

function withoutSlash(url: string): string {
  return new URL(url).href.replace(/\/+$/, '');
}

function isWithin(inner: string, outer: string): boolean {
  const relative = path.relative(outer, inner);
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
}
