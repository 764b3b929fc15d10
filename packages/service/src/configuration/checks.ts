import { isScope, scopeTarget } from '../auth/scopes.ts';
import { grantedScopes, ldapProblems } from './access-checks.ts';
import { engineProblems } from './engine-checks.ts';
import { gateProblems } from './gate-checks.ts';
import { privateProblems } from './private-checks.ts';
import type { KeyPath, Problem } from './problems.ts';
import { redirectJsonProblems } from './redirect-json.ts';
import { DEFAULT_CHANNELS } from './schema.ts';
import { isRecord } from './schema-shape.ts';
import { searchProblems } from './search.ts';
import { treeProblems, treeWritten } from './tree-checks.ts';
import { liesOnOrBelow } from './web-address.ts';

/**
 * What no single key shows: names that stand twice, names of nothing, keys that exclude each other. Works on what was
 * written, whatever its shape, so that these are told together with what the schema finds.
 */
export function crossProblems(value: unknown): Problem[] {
  const root = isRecord(value) ? value : {};
  const api = isRecord(root['api']) ? root['api'] : {};
  const crane = isRecord(root['crane']) ? root['crane'] : {};
  const messages = isRecord(root['messages']) ? root['messages'] : {};
  const sources = entries(root['sources'], ['sources']);
  const channels = entries(root['channels'], ['channels']);
  const tokens = entries(api['tokens'], ['api', 'tokens']);
  const issuers = entries(api['oidc'], ['api', 'oidc']);
  const mirrors = entries(crane['mirrors'], ['crane', 'mirrors']);
  const channelNames =
    root['channels'] === undefined ? DEFAULT_CHANNELS.map(({ name }) => name) : names(channels);
  return [
    ...[sources, channels, tokens, mirrors].flatMap((list) =>
      duplicates(list, 'name', (entry) => entry['name']),
    ),
    ...Map.groupBy(channels, ({ entry }) => treeWritten(entry))
      .values()
      .flatMap((inTree) => duplicates(inTree, 'prefix', (entry) => entry['prefix'] ?? '')),
    ...treeProblems(root),
    ...sources.flatMap(sourceProblems),
    ...channelOrigins(channels),
    ...channels.flatMap(({ path, entry }) => gateProblems(path, entry, channelNames)),
    ...tokens.flatMap(({ path, entry }) => exactlyOne(path, entry, ['token', 'tokenFile'])),
    ...tokens.flatMap(({ path, entry }) => scopeProblems([...path, 'scopes'], entry['scopes'], channelNames)),
    ...grantedScopes(api).flatMap(({ path, scopes }) => scopeProblems(path, scopes, channelNames)),
    ...duplicates(issuers, 'issuer', (entry) => entry['issuer']),
    ...duplicates(issuers, 'name', (entry) => entry['name'] ?? 'oidc'),
    ...ldapProblems(api['ldap']),
    ...scopeProblems(['messages', 'commandScopes'], messages['commandScopes'], channelNames),
    ...mirrors.flatMap((mirror) => mirrorProblems(mirror, crane['name'])),
    ...searchProblems(crane['search'], ['crane', 'search']),
    ...redirectJsonProblems(crane),
    ...privateProblems(crane),
    ...engineProblems(root),
  ];
}

interface Entry {
  readonly path: KeyPath;
  readonly entry: Readonly<Record<string, unknown>>;
}

function entries(list: unknown, path: KeyPath): Entry[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown, index) =>
    isRecord(entry) ? [{ path: [...path, index], entry }] : [],
  );
}

function names(list: readonly Entry[]): string[] {
  return [
    ...new Set(list.flatMap(({ entry }) => (typeof entry['name'] === 'string' ? [entry['name']] : []))),
  ];
}

function duplicates(
  list: readonly Entry[],
  key: string,
  read: (entry: Entry['entry']) => unknown,
): Problem[] {
  const first = new Map<string, KeyPath>();
  return list.flatMap(({ path, entry }) => {
    const value = read(entry);
    if (typeof value !== 'string') return [];
    const other = first.get(value);
    if (other === undefined) {
      first.set(value, path);
      return [];
    }
    const [section, index] = other.slice(-2);
    return [
      {
        path: [...path, key],
        value,
        message: `is the ${key} of ${String(section)}[${String(index)}] too: each needs its own`,
      },
    ];
  });
}

function exactlyOne(path: KeyPath, entry: Entry['entry'], keys: readonly string[]): Problem[] {
  const given = keys.filter((key) => entry[key] !== undefined);
  if (given.length === 1) return [];
  const choice = keys.join(' or ');
  const message =
    given.length === 0 ? `is not complete: it needs ${choice}` : `has ${given.join(' and ')}: leave one`;
  return [{ path, message }];
}

function sourceProblems({ path, entry }: Entry): Problem[] {
  const problems: Problem[] = [];
  const { credentials, tls } = entry;
  if (isRecord(credentials)) {
    const at = [...path, 'credentials'];
    const token = credentials['token'] !== undefined || credentials['tokenFile'] !== undefined;
    const basic = ['username', 'password', 'passwordFile'].some((key) => credentials[key] !== undefined);
    if (token && basic)
      problems.push({ path: at, message: 'has a token and a username or password: leave one' });
    else if (token) problems.push(...exactlyOne(at, credentials, ['token', 'tokenFile']));
    else if (!basic)
      problems.push({ path: at, message: 'is empty: it needs username and passwordFile, or tokenFile' });
    else {
      if (credentials['username'] === undefined)
        problems.push({ path: at, message: 'is not complete: it needs username' });
      problems.push(...exactlyOne(at, credentials, ['password', 'passwordFile']));
    }
  }
  if (isRecord(tls) && (tls['certFile'] === undefined) !== (tls['keyFile'] === undefined)) {
    problems.push({ path: [...path, 'tls'], message: 'is not complete: certFile and keyFile go together' });
  }
  return problems;
}

function channelOrigins(channels: readonly Entry[]): Problem[] {
  const from = new Map(channels.map(({ entry }) => [entry['name'], entry['from']]));
  return channels.flatMap(({ path, entry }) => {
    const origin = entry['from'];
    if (typeof origin !== 'string') return [];
    const at = [...path, 'from'];
    if (!from.has(origin)) {
      const others = names(channels).filter((name) => name !== entry['name']);
      return [
        {
          path: at,
          value: origin,
          message: `names no channel: ${others.length === 0 ? 'there is no other' : `there are ${others.join(', ')}`}`,
        },
      ];
    }
    const seen = new Set<unknown>();
    for (let next: unknown = origin; next !== undefined && !seen.has(next); next = from.get(next)) {
      if (next === entry['name'])
        return [
          { path: at, value: origin, message: 'leads back to this channel: nothing could ever come in' },
        ];
      seen.add(next);
    }
    return [];
  });
}

function scopeProblems(path: KeyPath, scopes: unknown, channelNames: readonly string[]): Problem[] {
  if (!Array.isArray(scopes)) return [];
  return scopes.flatMap((scope: unknown, index) => {
    const target = typeof scope === 'string' && isScope(scope) ? scopeTarget(scope) : undefined;
    if (target?.kind !== 'channel' || channelNames.includes(target.name)) return [];
    const there = channelNames.length === 0 ? 'there is none' : `there are ${channelNames.join(', ')}`;
    return [{ path: [...path, index], value: scope, message: `names no channel: ${there}` }];
  });
}

function mirrorProblems({ path, entry }: Entry, ownName: unknown): Problem[] {
  const { url } = entry;
  if (typeof ownName !== 'string' || typeof url !== 'string') return [];
  const host = URL.parse(url)?.hostname;
  if (host === undefined || !liesOnOrBelow(host, ownName)) return [];
  const message = `lies on or below crane.name, so clients would send it their credentials for ${ownName}`;
  return [{ path: [...path, 'url'], value: url, message }];
}
