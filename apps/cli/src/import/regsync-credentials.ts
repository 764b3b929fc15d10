import { registryHost } from './image-reference.ts';
import type { Remarks } from './imported.ts';
import { Keys } from './read-keys.ts';
import type { RegistrySettings } from './registry-settings.ts';

/** Keys of a registry that change nothing that is copied. */
const OWN_WAYS: Readonly<Record<string, string>> = {
  repoAuth: 'a token is asked for each repository always',
  credExpire: 'credentials are read at the start',
  blobChunk: 'nothing is pushed',
  blobMax: 'nothing is pushed',
  api: 'there is nothing to set',
  apiOpts: 'there is nothing to set',
  priority: 'there are no mirrors of a source',
};
const LOST: Readonly<Record<string, string>> = {
  mirrors: 'a source is read from one registry: name the one that is to be read',
  pathPrefix: 'write the prefix into repositories',
  credHelper: 'helpers are not run: write credentials.passwordFile',
  credHost: 'helpers are not run: write credentials.passwordFile',
};

/** What regsync's `creds` say of each registry, by the host that answers. */
export function readCredentials(
  list: readonly unknown[],
  remarks: Remarks,
): ReadonlyMap<string, RegistrySettings> {
  return new Map(
    list.map((entry, index) => {
      const keys = new Keys(entry, ['creds', index]);
      const name = keys.text('registry') ?? '';
      const hostname = keys.text('hostname');
      if (hostname !== undefined)
        remarks.lost(keys.at('hostname'), 'write it as the registry of the sources');
      const host = registryHost(name);
      const settings = {
        ...schemeOf(keys, remarks),
        ...credentialsOf(keys, host, remarks),
        ...certificatesOf(keys, host, remarks),
        ...limitsOf(keys, remarks),
      };
      for (const key of keys.unread()) {
        const own = OWN_WAYS[key];
        if (own !== undefined) remarks.changed(keys.at(key), own);
        else remarks.lost(keys.at(key), LOST[key] ?? 'is not a key of regsync, and is left out');
      }
      return [host, settings] as const;
    }),
  );
}

function schemeOf(keys: Keys, remarks: Remarks): RegistrySettings {
  const tls = keys.text('tls') ?? 'enabled';
  const isPlain = tls === 'disabled' || keys.text('scheme') === 'http';
  if (tls === 'insecure')
    remarks.lost(keys.at('tls'), 'certificates are verified always: name the one to trust in tls.caFile');
  return isPlain ? { isPlain } : {};
}

function credentialsOf(keys: Keys, host: string, remarks: Remarks): RegistrySettings {
  const username = keys.text('user');
  const password = secretOf(keys, 'pass', host, remarks);
  const token = secretOf(keys, 'token', host, remarks);
  const helper = keys.names.includes('credHelper');
  if (username === undefined) {
    if (token === undefined) return {};
    const [key, value] = token;
    return { credentials: { [key === 'file' ? 'tokenFile' : 'token']: value } };
  }
  if (password === undefined) {
    if (!helper) remarks.lost(keys.at('user'), 'stands there without a password');
    return { credentials: { username, passwordFile: `./${host}.password` } };
  }
  const [key, value] = password;
  return { credentials: { username, [key === 'file' ? 'passwordFile' : 'password']: value } };
}

/** A secret as it stands there, or the file that it is in. */
function secretOf(
  keys: Keys,
  key: string,
  host: string,
  remarks: Remarks,
): readonly ['file' | 'text', string] | undefined {
  const value = keys.text(key);
  if (value === undefined) return undefined;
  const file = /^\{\{\s*file\s+"([^"]+)"\s*\}\}$/.exec(value)?.[1];
  if (file !== undefined) return ['file', file];
  if (!value.includes('{{')) return ['text', value];
  const place = `./${host}.${key === 'pass' ? 'password' : key}`;
  remarks.lost(keys.at(key), `holds a template: put what it gives into ${place}`);
  return ['file', place];
}

/** Certificates stand in the file itself there, and in files of their own here. */
function certificatesOf(keys: Keys, host: string, remarks: Remarks): RegistrySettings {
  const files = [
    ['regcert', 'caFile', `./${host}.ca.pem`],
    ['clientCert', 'certFile', `./${host}.cert.pem`],
    ['clientKey', 'keyFile', `./${host}.key.pem`],
  ] as const;
  const tls = files.flatMap(([key, ours, file]) => {
    if (keys.text(key) === undefined) return [];
    remarks.lost(keys.at(key), `stands in a file of its own here: put it into ${file}`);
    return [[ours, file] as const];
  });
  return tls.length > 0 ? { tls: Object.fromEntries(tls) } : {};
}

function limitsOf(keys: Keys, remarks: Remarks): RegistrySettings {
  const number = (key: string) => {
    const text = keys.text(key);
    const value = Number(text);
    if (text === undefined || !(value > 0)) return undefined;
    return value;
  };
  const [perSecond, concurrent] = [number('reqPerSec'), number('reqConcurrent')];
  if (concurrent !== undefined)
    remarks.changed(
      keys.at('reqConcurrent'),
      'limits.connections counts the blobs that are downloaded at once',
    );
  if (perSecond === undefined && concurrent === undefined) return {};
  return {
    limits: {
      ...(concurrent !== undefined && { connections: Math.min(Math.max(Math.round(concurrent), 1), 256) }),
      ...(perSecond !== undefined && { requestsPerSecond: Math.min(perSecond, 10_000) }),
    },
  };
}
