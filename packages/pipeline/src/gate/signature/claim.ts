import type { SigningKey } from './signing-keys.ts';

/** What somebody signed: it counts for an image once it is known to speak of that image, and to be signed by a key. */
export interface Claim {
  /** The repository or the name that it was signed under, as it says itself; for people, who may have renamed it since. */
  readonly reference?: string;
  isSignedBy(key: SigningKey): boolean;
}
