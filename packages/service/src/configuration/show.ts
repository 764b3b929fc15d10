import { stringify } from 'yaml';
import type { Configuration, SourceConfiguration } from './configuration.ts';
import { formatDuration } from './duration.ts';
import { formatListenAddress } from './listen-address.ts';
import type { Secret } from './secret.ts';

/** What stands in a secret's place. */
export const MASK = '********';

/** The configuration in the form of its file, as it is in force, each secret masked; a file's name is shown. */
export function maskSecrets(configuration: Configuration): Record<string, unknown> {
  const { tree, api, crane } = configuration;
  const { adminListen, pollMs, tree: place, listen, ...craneRest } = crane;
  return {
    storage: configuration.storage,
    catalog: configuration.catalog,
    messages: configuration.messages,
    tree: {
      filesystem: tree.filesystem,
      keepUntagged: formatDuration(tree.keepUntaggedMs),
      refresh: formatDuration(tree.refreshMs),
      ...(tree.listen !== undefined && { listen: formatListenAddress(tree.listen) }),
    },
    sources: configuration.sources.map(showSource),
    channels: configuration.channels,
    api: {
      listen: formatListenAddress(api.listen),
      tokens: api.tokens.map(({ name, token, scopes }) => ({ name, ...showSecret('token', token), scopes })),
    },
    crane: {
      listen: formatListenAddress(listen),
      ...(adminListen !== undefined && { adminListen: formatListenAddress(adminListen) }),
      tree: 'url' in place ? place.url : place.directory,
      poll: formatDuration(pollMs),
      ...craneRest,
    },
  };
}

/** `maskSecrets` as YAML. */
export function showConfiguration(configuration: Configuration): string {
  return stringify(maskSecrets(configuration), { aliasDuplicateObjects: false, lineWidth: 0 });
}

function showSource({
  credentials,
  tls,
  tags,
  everyMs,
  ...rest
}: SourceConfiguration): Record<string, unknown> {
  const { notOlderThanMs, ...rules } = tags;
  return {
    ...rest,
    tags: { ...rules, ...(notOlderThanMs !== undefined && { notOlderThan: formatDuration(notOlderThanMs) }) },
    ...(credentials !== undefined && { credentials: showCredentials(credentials) }),
    ...(Object.keys(tls).length > 0 && { tls }),
    ...(everyMs !== undefined && { every: formatDuration(everyMs) }),
  };
}

function showCredentials(
  credentials: NonNullable<SourceConfiguration['credentials']>,
): Record<string, string> {
  if ('token' in credentials) return showSecret('token', credentials.token);
  return { username: credentials.username, ...showSecret('password', credentials.password) };
}

function showSecret(key: string, secret: Secret): Record<string, string> {
  return secret.file === undefined ? { [key]: MASK } : { [`${key}File`]: secret.file };
}
