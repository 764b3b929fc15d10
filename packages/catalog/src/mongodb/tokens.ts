import { randomUUID } from 'node:crypto';

/**
 * Who made a row's last writes: each call of a write has a token, which stands in the row under the revision (or version)
 * that the write took. When the answer of a write was lost, the call finds its token and knows that it was done, also
 * after others have written on top of it, up to `KEPT` of them.
 */
export interface TokenRow {
  readonly writers?: Readonly<Record<string, string>>;
}

const KEPT = 16;

export function newToken(): string {
  return randomUUID();
}

/** The token of the write that took this revision, as a field for `$set`. */
export function writerField(revision: number, token: string): Record<string, string> {
  return { [`writers.${slotOf(revision)}`]: token };
}

/** As {@link writerField}, for a row that is new. */
export function firstWriter(revision: number, token: string): Record<string, string> {
  return { [slotOf(revision)]: token };
}

/** Whether the write with that token took that revision of the row. */
export function wroteIt(row: TokenRow | null | undefined, revision: number, token: string): boolean {
  return row?.writers?.[slotOf(revision)] === token;
}

/** Whether it took any of the last revisions. */
export function wroteSome(row: TokenRow | null | undefined, token: string): boolean {
  return Object.values(row?.writers ?? {}).includes(token);
}

/** Begins with a letter, as a number would mean a place in an array. */
function slotOf(revision: number): string {
  return `w${revision % KEPT}`;
}
