import { asFault, Fault } from '@gantry/oci';
import type { Configuration } from '@gantry/service';
import {
  type PublicKey,
  readPublicKey,
  readPublicKeyFile,
  readSigningKeyFile,
  type SigningKey,
} from '@gantry/tree';
import { treeKey, treeSettings } from './tree-settings.ts';

/**
 * The keys that sign what is published to a tree: empty where none is wanted, undefined where nothing is said of them.
 * @throws Fault CONFIGURATION_INVALID
 */
export async function openSigningKeys(
  configuration: Pick<Configuration, 'tree' | 'trees'>,
  tree: string,
): Promise<readonly SigningKey[] | undefined> {
  const files = treeSettings(configuration, tree).signing?.keyFiles;
  return (
    files && Promise.all(files.map((file) => readSigningKeyFile(file, `${treeKey(tree)}.signing.keyFile`)))
  );
}

/** The keys that a crane asks a serial to be signed by; none: it may be unsigned. @throws Fault CONFIGURATION_INVALID */
export async function openTrustedKeys({
  crane,
}: Pick<Configuration, 'crane'>): Promise<readonly PublicKey[]> {
  return Promise.all(
    crane.trustedKeys.map(async (key, index) => {
      const where = `crane.trustedKeys[${index}]`;
      try {
        return 'pem' in key ? readPublicKey(key.pem, where) : await readPublicKeyFile(key.file, where);
      } catch (error) {
        const { code, message, details } = asFault(error);
        throw new Fault(code, message, { ...details, key: where }, { cause: error });
      }
    }),
  );
}
