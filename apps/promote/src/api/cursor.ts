import { Fault, quote } from '@gantry/oci';
import { z } from 'zod';

/** Longer than any that is given. */
export const CURSOR_MAX_LENGTH = 8192;

/** Writes and reads the cursors of one list that is put together here: opaque base64url of a JSON array, the list's name first. */
export interface Cursors<Key> {
  encode(key: Key): string;
  /** @throws Fault REQUEST_INVALID for a cursor that no page of this list gave */
  decode(cursor: string): Key;
}

export function cursorsOf<Key extends readonly unknown[]>(list: string, key: z.ZodType<Key>): Cursors<Key> {
  const whole = z.tuple([z.literal(list), key]);
  return {
    encode: (value) => Buffer.from(JSON.stringify([list, value])).toString('base64url'),
    decode(cursor) {
      const result = whole.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()));
      if (result.success) return result.data[1];
      throw new Fault(
        'REQUEST_INVALID',
        `the cursor ${quote(cursor)} is not one of this list: hand back "next" of the page before, or leave it out to start anew`,
        { at: 'cursor' },
      );
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
