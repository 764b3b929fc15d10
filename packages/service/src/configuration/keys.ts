import { createPublicKey } from 'node:crypto';
import { z } from 'zod';
import type { Resolve } from './complete-engines.ts';
import type { TrustedKeyPlace, TreeConfiguration } from './configuration.ts';
import { checked, FilePath } from './texts.ts';

const isPem = (text: string) => text.includes('-----BEGIN ');

const KeyFile = FilePath.refine((text) => !isPem(text), {
  error: 'is a key itself: put it into a file, mode 600, and name that',
});

type SigningConfiguration = NonNullable<TreeConfiguration['signing']>;

/** In place of a file: nothing is signed, also after what was. A file of that name is `./none`. */
const NO_KEY = 'none';

/** Who signs what is published. */
export const Signing = z.strictObject({
  keyFile: z
    .union(
      [
        z.literal(NO_KEY).transform((): string[] => []),
        KeyFile.transform((one) => [one]),
        z.array(KeyFile).min(1, { error: `is empty: to sign no more, write ${NO_KEY}` }),
      ],
      {
        error: 'is not the file of a private key: write its path, and not the key itself, or a list of paths',
      },
    )
    .describe(
      'A private key in PEM (PKCS#8, Ed25519) that none but its owner may read; several all sign; none: a tree that was signed is so no more',
    ),
});

/** As it is written in the file. */
export function showSigning({ keyFiles }: SigningConfiguration): Record<string, unknown> {
  return { keyFile: keyFiles.length === 0 ? NO_KEY : keyFiles };
}

/** A public key, as it is or by its file. */
export const TrustedKey = checked(trustedKeyProblem).describe(
  'A public key in PEM (Ed25519), or the path of its file',
);

function trustedKeyProblem(text: string): string | undefined {
  if (!isPem(text)) return FilePath.safeParse(text).error?.issues[0]?.message;
  if (text.includes('PRIVATE KEY-----'))
    return 'is a private key: a crane needs the public one, which "gantry keys show FILE" prints';
  try {
    if (createPublicKey(text).asymmetricKeyType === 'ed25519') return undefined;
  } catch {
    // what it is instead is not worth telling apart
  }
  return 'is not an Ed25519 public key in PEM: write it whole, each line of it on its own, or name its file';
}

export function completeTrustedKey(text: string, at: Resolve): TrustedKeyPlace {
  return isPem(text) ? { pem: text } : { file: at(text) };
}
