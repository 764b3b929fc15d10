import { stringify } from 'yaml';
import { showGc, showKeep } from './collection.ts';
import type {
  Configuration,
  FolderPlace,
  MirrorConfiguration,
  S3Place,
  SourceConfiguration,
  TreeConfiguration,
} from './configuration.ts';
import { showConfirm } from './confirm.ts';
import { formatDuration } from './duration.ts';
import { showLayouts } from './layouts.ts';
import { formatListenAddress } from './listen-address.ts';
import { showSearch } from './search.ts';
import { showSigning } from './keys.ts';
import { showRedirectJson } from './redirect-json.ts';
import { showSecret } from './secret.ts';
import { showAccess } from './show-access.ts';
import { showChannel } from './show-channel.ts';
import { showPrivate, showPullTokens, showSignedUrls } from './show-private.ts';

/** The configuration in the form of its file, as it is in force, each secret masked; a file's name is shown. */
export function maskSecrets(configuration: Configuration): Record<string, unknown> {
  const { tree, trees, api, crane, sync } = configuration;
  const { adminListen, pollMs, tree: place, listen, trustedKeys, ...rest } = crane;
  const { private: guarded, signedUrls, search, mirrors, ...craneRest } = rest;
  return {
    storage: showPlace(configuration.storage),
    catalog: showCatalog(configuration.catalog),
    messages: showMessages(configuration.messages),
    tree: showTree(tree),
    trees: Object.fromEntries(Object.entries(trees).map(([name, one]) => [name, showTree(one)])),
    sources: configuration.sources.map(showSource),
    channels: configuration.channels.map(showChannel),
    api: {
      listen: formatListenAddress(api.listen),
      ...(api.tls !== undefined && { tls: api.tls }),
      ...showAccess(api),
      ...(api.pullTokens !== undefined && { pullTokens: showPullTokens(api.pullTokens) }),
      readOnly: api.readOnly,
      limits: api.limits,
      trustedProxies: api.trustedProxies,
      adminTokenFile: api.adminTokenFile,
    },
    gc: showGc(configuration.gc),
    sync: {
      ...(sync.adminListen !== undefined && { adminListen: formatListenAddress(sync.adminListen) }),
    },
    crane: {
      listen: formatListenAddress(listen),
      ...(adminListen !== undefined && { adminListen: formatListenAddress(adminListen) }),
      ...(place !== undefined && { tree: 'url' in place ? place.url : place.directory }),
      trustedKeys: trustedKeys.map((key) => ('pem' in key ? key.pem : key.file)),
      poll: formatDuration(pollMs),
      ...craneRest,
      search: showSearch(search),
      ...(mirrors !== undefined && { mirrors: mirrors.map(showMirror) }),
      ...showRedirectJson(crane),
      ...(guarded !== undefined && { private: showPrivate(guarded) }),
      ...(signedUrls !== undefined && { signedUrls: showSignedUrls(signedUrls) }),
    },
  };
}

/** `maskSecrets` as YAML. */
export function showConfiguration(configuration: Configuration): string {
  return stringify(maskSecrets(configuration), { aliasDuplicateObjects: false, lineWidth: 0 });
}

function showMirror({ mirrormanager, ...rest }: MirrorConfiguration): Record<string, unknown> {
  if (mirrormanager === undefined) return rest;
  const { path, graceMs } = mirrormanager;
  return { ...rest, mirrormanager: { path, grace: formatDuration(graceMs) } };
}

function showTree(tree: TreeConfiguration): Record<string, unknown> {
  return {
    ...showPlace(tree),
    keepUntagged: formatDuration(tree.keepUntaggedMs),
    grace: formatDuration(tree.retention.graceMs),
    keepSnapshots: tree.retention.keepSnapshots,
    keepSnapshotsFor: formatDuration(tree.retention.keepSnapshotsForMs),
    refresh: formatDuration(tree.refreshMs),
    ...showLayouts(tree.layouts),
    ...showConfirm(tree.confirm),
    ...(tree.signing !== undefined && { signing: showSigning(tree.signing) }),
    ...(tree.listen !== undefined && { listen: formatListenAddress(tree.listen) }),
  };
}

function showPlace(place: FolderPlace | S3Place): Record<string, unknown> {
  if ('filesystem' in place) return { filesystem: place.filesystem };
  const { credentials, ...rest } = place.s3;
  if (credentials === undefined) return { s3: rest };
  const { accessKeyId, secretAccessKey } = credentials;
  return { s3: { ...rest, accessKeyId, ...showSecret('secretAccessKey', secretAccessKey) } };
}

function showCatalog(catalog: Configuration['catalog']): Record<string, unknown> {
  return 'sqlite' in catalog ? catalog : { mongodb: showSecret('url', catalog.mongodb.url) };
}

function showMessages(messages: Configuration['messages']): Record<string, unknown> {
  if (!('amqp' in messages)) return messages;
  const { amqp, ...rest } = messages;
  const { url, exchange, tls } = amqp;
  const shown = { ...showSecret('url', url), exchange, ...(Object.keys(tls).length > 0 && { tls }) };
  return { amqp: shown, ...rest };
}

function showSource({
  credentials,
  tls,
  tags,
  everyMs,
  keep,
  ...rest
}: SourceConfiguration): Record<string, unknown> {
  const { notOlderThanMs, ...rules } = tags;
  return {
    ...rest,
    tags: { ...rules, ...(notOlderThanMs !== undefined && { notOlderThan: formatDuration(notOlderThanMs) }) },
    ...(credentials !== undefined && { credentials: showCredentials(credentials) }),
    ...(Object.keys(tls).length > 0 && { tls }),
    ...(keep !== undefined && { keep: showKeep(keep) }),
    ...(everyMs !== undefined && { every: formatDuration(everyMs) }),
  };
}

function showCredentials(
  credentials: NonNullable<SourceConfiguration['credentials']>,
): Record<string, string> {
  if ('token' in credentials) return showSecret('token', credentials.token);
  return { username: credentials.username, ...showSecret('password', credentials.password) };
}
