import { qualityOf, readRanges } from '../answer/accept-ranges.ts';

/**
 * Which of some media types a client likes best (RFC 9110, section 12.5.1); the first of those that it likes as much, and
 * the first of all where it takes none.
 */
export function negotiate<Type extends string>(
  accept: string | undefined,
  offered: readonly [Type, ...Type[]],
): Type {
  if (accept === undefined || accept.trim() === '') return offered[0];
  const ranges = readRanges(accept);
  let best: { readonly type: Type; readonly quality: number } = { type: offered[0], quality: 0 };
  for (const type of offered) {
    const quality = qualityOf(type, ranges);
    if (quality > best.quality) best = { type, quality };
  }
  return best.type;
}
