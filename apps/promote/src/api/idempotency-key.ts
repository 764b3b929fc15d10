import { Fault, quote } from '@gantry/oci';
import type { Requester } from '@gantry/pipeline';
import type { Call } from './route.ts';

const VISIBLE_ASCII = /^[\x21-\x7e]{1,200}$/;

export const IDEMPOTENCY_HEADERS = {
  'Idempotency-Key':
    '1 to 200 visible ASCII characters: a repeat with the same key and body is the same promotion, for 7 days',
} as const;

/**
 * Who asks for a promotion. Keys of two tokens never meet. A message whose source is a token's name and whose id is a key
 * has the same key: whichever way a request comes, it is one promotion.
 * @throws Fault REQUEST_INVALID for a key that is none
 */
export function requesterOf(call: Call): Requester {
  const key = call.header('idempotency-key');
  const { name, groups } = call.caller;
  if (key === undefined) return { name, groups };
  if (VISIBLE_ASCII.test(key)) return { name, groups, idempotencyKey: idempotencyKey(name, key) };
  throw new Fault(
    'REQUEST_INVALID',
    `the Idempotency-Key ${quote(key)} is none: 1 to 200 visible ASCII characters are, sent once`,
    { at: 'Idempotency-Key' },
  );
}

/**
 * What two different pairs never share: the first blank ends what it is from.
 * @param from the token's name, or what sent the message
 * @param id the header, or the message's id
 */
export function idempotencyKey(from: string, id: string): string {
  return `${from.replaceAll('%', '%25').replaceAll(' ', '%20')} ${id}`;
}
