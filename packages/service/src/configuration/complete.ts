import path from 'node:path';
import { completeLdap, completeOidc } from './complete-access.ts';
import { completeGc, completeKeep } from './collection.ts';
import { completeChannel } from './complete-channels.ts';
import { completeCatalog, completeMessages, completePlace, type Resolve } from './complete-engines.ts';
import { completePrivate, completePullTokens, completeSignedUrls } from './complete-private.ts';
import { completeFurtherTrees, completeMainTree } from './complete-trees.ts';
import type { TokenConfiguration } from './access-configuration.ts';
import type {
  Configuration,
  FolderPlace,
  MirrorConfiguration,
  NameRulesConfiguration,
  S3Place,
  SourceConfiguration,
  TreePlace,
} from './configuration.ts';
import { EMBEDDED_PLACES } from './engines.ts';
import { completeTrustedKey } from './keys.ts';
import { completeRedirectJson } from './redirect-json.ts';
import type { ConfigurationFile } from './schema.ts';
import { completeSearch } from './search.ts';
import { secretOf } from './secret.ts';
import { isWebAddress, registryOrigin } from './web-address.ts';

/** Makes paths absolute, from `folder`, and gives secrets and addresses their form. */
export function completeConfiguration(file: ConfigurationFile, folder: string): Configuration {
  const at = (relative: string) => path.resolve(folder, relative);
  const { redirectJson, compat, endpoint, cdn, serveContent, ...others } = file.crane;
  const {
    poll,
    serialFile,
    accessLog,
    tree: place,
    adminListen,
    name,
    seed,
    mirrors,
    geoip,
    search,
    tls,
    private: guarded,
    signedUrls,
    ...crane
  } = others;
  const searched = completeSearch(search);
  const catalog = completeCatalog(file.catalog, at);
  const published = completeMainTree(file.tree, at);
  const readFrom = treePlace(place, published, at);
  return {
    storage: completePlace(file.storage, 'storage', EMBEDDED_PLACES.store, at),
    catalog,
    messages: { ...completeMessages(file.messages, at), commandScopes: file.messages.commandScopes },
    tree: published,
    trees: completeFurtherTrees(file.trees, at),
    sources: file.sources.map((source, index) => completeSource(source, `sources[${index}]`, at)),
    channels: file.channels.map((channel, index) => completeChannel(channel, `channels[${index}]`, at)),
    api: {
      listen: file.api.listen,
      tokens: file.api.tokens.map((token, index) => completeToken(token, `api.tokens[${index}]`, at)),
      oidc: file.api.oidc.map((entry) => completeOidc(entry, at)),
      ...(file.api.ldap !== undefined && { ldap: completeLdap(file.api.ldap, at) }),
      ...(file.api.pullTokens !== undefined && { pullTokens: completePullTokens(file.api.pullTokens, at) }),
      readOnly: file.api.readOnly,
      limits: file.api.limits,
      trustedProxies: file.api.trustedProxies,
      ...(file.api.tls !== undefined && {
        tls: { certFile: at(file.api.tls.certFile), keyFile: at(file.api.tls.keyFile) },
      }),
      adminTokenFile: at(file.api.adminTokenFile ?? path.join(dataFolder(catalog), 'admin-token')),
    },
    gc: completeGc(file.gc),
    sync: { ...(file.sync.adminListen !== undefined && { adminListen: file.sync.adminListen }) },
    crane: {
      ...crane,
      ...completeRedirectJson({ redirectJson, compat, endpoint, cdn, serveContent }, at),
      ...(adminListen !== undefined && { adminListen }),
      ...(name !== undefined && { name }),
      ...(seed !== undefined && { seed }),
      ...(tls !== undefined && { tls: { certFile: at(tls.certFile), keyFile: at(tls.keyFile) } }),
      ...(guarded !== undefined && { private: completePrivate(guarded, at) }),
      ...(signedUrls !== undefined && { signedUrls: completeSignedUrls(signedUrls, at) }),
      ...(serialFile !== undefined && { serialFile: at(serialFile) }),
      ...(accessLog !== undefined && { accessLog: accessLog === 'stdout' ? accessLog : at(accessLog) }),
      ...(readFrom !== undefined && { tree: readFrom }),
      trustedKeys: crane.trustedKeys.map((key) => completeTrustedKey(key, at)),
      pollMs: poll,
      ...(searched !== undefined && { search: searched }),
      geoip: {
        ...(geoip.country !== undefined && { country: at(geoip.country) }),
        ...(geoip.asn !== undefined && { asn: at(geoip.asn) }),
      },
      ...(mirrors !== undefined && {
        mirrors: mirrors.map(completeMirror),
      }),
    },
  };
}

/** Where what is no engine's is kept: beside the catalog, where that is a file. */
function dataFolder(catalog: Configuration['catalog']): string {
  return 'sqlite' in catalog ? path.dirname(catalog.sqlite.file) : './data';
}

function completeMirror({
  url,
  mirrormanager,
  ...rest
}: NonNullable<ConfigurationFile['crane']['mirrors']>[number]): MirrorConfiguration {
  return {
    ...rest,
    url: withoutSlash(url),
    ...(mirrormanager !== undefined && {
      mirrormanager: { path: mirrormanager.path, graceMs: mirrormanager.grace },
    }),
  };
}

type FileSource = ConfigurationFile['sources'][number];

function completeSource(source: FileSource, key: string, at: Resolve): SourceConfiguration {
  const { credentials, tls, rename, tags, platforms, limits, every, keep, registry, ...rest } = source;
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
    ...(keep !== undefined && { keep: completeKeep(keep) }),
    ...(every !== undefined && { everyMs: every }),
  };
}

function completeTags({
  or,
  notOlderThan,
  latest,
  latestBy,
  ...names
}: FileSource['tags']): SourceConfiguration['tags'] {
  return {
    ...completeNameRules(names),
    ...(or !== undefined && { or: or.map(completeNameRules) }),
    ...(notOlderThan !== undefined && { notOlderThanMs: notOlderThan }),
    ...(latest !== undefined && { latest }),
    ...(latestBy !== undefined && { latestBy }),
  };
}

function completeNameRules({
  include,
  exclude,
  semver,
  prereleases,
}: NonNullable<FileSource['tags']['or']>[number]): NameRulesConfiguration {
  return {
    ...(include !== undefined && { include }),
    exclude,
    ...(semver !== undefined && { semver }),
    ...(prereleases !== undefined && { prereleases }),
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
    groups: token.groups,
  };
}

function treePlace(
  place: string | undefined,
  published: FolderPlace | S3Place,
  at: Resolve,
): TreePlace | undefined {
  if (place === undefined)
    return 'filesystem' in published ? { directory: published.filesystem.root } : undefined;
  return isWebAddress(place) ? { url: withoutSlash(place) } : { directory: at(place) };
}

function withoutSlash(url: string): string {
  return new URL(url).href.replace(/\/+$/, '');
}
