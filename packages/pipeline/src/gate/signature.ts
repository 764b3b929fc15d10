import type { Requirement } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import type { SignatureRule } from './configuration.ts';
import type { Gate } from './gate.ts';
import { findSignatures, type FoundSignature } from './signature/find-signatures.ts';
import { readSigningKeys, type SigningKey } from './signature/signing-keys.ts';

const TROUBLES_SHOWN = 5;

/**
 * Asks for signatures of the image by so many of the keys, in cosign's forms. Nothing is asked of anybody: what was synced
 * with the image is all there is.
 * @throws Fault CONFIGURATION_INVALID
 */
export function openSignatureGate(rule: SignatureRule): Gate['evaluate'] {
  const keys = readSigningKeys(rule);
  return async (subject, { flow }) => [
    judgeSignatures(keys, rule.count ?? 1, await findSignatures(flow, subject)),
  ];
}

/** What the signatures that were found come to: a requirement for all, as it is the number of keys that counts. */
export function judgeSignatures(
  keys: readonly SigningKey[],
  count: number,
  found: readonly FoundSignature[],
): Requirement {
  const signers = new Map<string, Digest>();
  const troubles: string[] = [];
  for (const each of found) {
    if ('why' in each) {
      troubles.push(`${each.manifest}: ${each.why}`);
      continue;
    }
    const by = keys.filter((key) => each.claim.isSignedBy(key));
    for (const { name } of by) signers.set(name, each.manifest);
    if (by.length > 0) continue;
    const { reference } = each.claim;
    troubles.push(
      `${each.manifest}: it is not signed by a key that is named here${reference === undefined ? '' : ` (it was given to ${reference})`}`,
    );
  }
  const names = [...signers.keys()].join(', ');
  const satisfied = signers.size >= count;
  const asked = keys.map(({ name }) => name).join(', ');
  const has = signers.size === 0 ? 'the image is not signed' : `the image is signed by ${names} alone`;
  const wanted = keys.length === 1 ? `by ${asked}` : `by ${count} of ${asked}`;
  const shown = troubles.slice(0, TROUBLES_SHOWN).join('; ');
  const more = troubles.length - TROUBLES_SHOWN;
  return {
    name: 'signature',
    satisfied,
    type: satisfied ? 'signature-verified' : troubles.length > 0 ? 'signature-invalid' : 'signature-missing',
    detail: satisfied
      ? `the image is signed by ${names}`
      : `${has}, and must be ${wanted}${shown === '' ? '' : `. ${shown}`}${more > 0 ? `; and ${more} more` : ''}`,
    ...(satisfied ? {} : { pending: true as const }),
    evidence: Object.fromEntries(signers),
  };
}
