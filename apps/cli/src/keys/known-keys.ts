import { readFile } from 'node:fs/promises';
import { asFault } from '@gantry/oci';
import { type Configuration, MAIN_TREE } from '@gantry/service';
import { type PublicKey, readPublicKey, readPublicKeyFile, readSigningKeyFile } from '@gantry/tree';
import { treeKey, treeSettings } from '../serve/tree-settings.ts';

/** A key as `gantry keys list` shows it. */
export interface KnownKey {
  /** The file it lies in, or where it stands in the configuration. */
  readonly place: string;
  /** Null when it can't be used. */
  readonly keyid: string | null;
  readonly publicKey: string | null;
  /** What the configuration has it for. */
  readonly signs: boolean;
  readonly trusted: boolean;
  /** Why it can't be used. */
  readonly problem: string | null;
}

/** A key as it was read, or why it could not be. */
interface ReadKey {
  readonly place: string;
  readonly key?: PublicKey;
  readonly problem?: string;
}

/** The keys of the configuration, each once: those that sign first. */
export async function configuredKeys(configuration: Configuration): Promise<readonly KnownKey[]> {
  const { signing, trusted } = await readConfigured(configuration);
  const shown = new Set(signing.flatMap(({ key }) => key?.keyid ?? []));
  return describe(
    [...signing, ...trusted.filter(({ key }) => !shown.has(key?.keyid ?? ''))],
    signing,
    trusted,
  );
}

/** Keys in files, private or public, and what the configuration has them for. */
export async function keysIn(
  files: readonly string[],
  configuration: Configuration,
): Promise<readonly KnownKey[]> {
  const { signing, trusted } = await readConfigured(configuration);
  return describe(
    await Promise.all(files.map((file) => attempt(file, () => readKeyFile(file)))),
    signing,
    trusted,
  );
}

async function readConfigured(configuration: Configuration) {
  const { trees, crane } = configuration;
  const places = new Map<string, string>(); // several trees may be signed by one
  for (const name of [MAIN_TREE, ...Object.keys(trees)]) {
    const { signing: keys } = treeSettings(configuration, name);
    for (const file of keys?.keyFiles ?? []) places.set(file, `${treeKey(name)}.signing.keyFile`);
  }
  const signing = [...places].map(([file, where]) => attempt(file, () => readSigningKeyFile(file, where)));
  const trusted = crane.trustedKeys.map((key, index) => {
    const where = `crane.trustedKeys[${index}]`;
    if ('file' in key) return attempt(key.file, () => readPublicKeyFile(key.file, where));
    return attempt(where, async () => readPublicKey(key.pem, where));
  });
  return { signing: await Promise.all(signing), trusted: await Promise.all(trusted) };
}

/** A key's public half, from the file of either. @throws Fault CONFIGURATION_INVALID */
export async function readKeyFile(file: string): Promise<PublicKey> {
  const isPrivate = (await readFile(file, 'utf8').catch(() => '')).includes('PRIVATE KEY-----');
  return isPrivate ? readSigningKeyFile(file) : readPublicKeyFile(file);
}

async function attempt(place: string, read: () => Promise<PublicKey>): Promise<ReadKey> {
  try {
    return { place, key: await read() };
  } catch (error) {
    return { place, problem: asFault(error).message };
  }
}

function describe(
  keys: readonly ReadKey[],
  signing: readonly ReadKey[],
  trusted: readonly ReadKey[],
): readonly KnownKey[] {
  const isAmong = (list: readonly ReadKey[], keyid: string | undefined) =>
    keyid !== undefined && list.some(({ key }) => key?.keyid === keyid);
  return keys.map(({ place, key, problem }) => ({
    place,
    keyid: key?.keyid ?? null,
    publicKey: key?.pem ?? null,
    signs: isAmong(signing, key?.keyid),
    trusted: isAmong(trusted, key?.keyid),
    problem: problem ?? null,
  }));
}
