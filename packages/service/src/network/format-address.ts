import type { Address } from './address.ts';

/** An address as text: `192.0.2.1`; an IPv6 one in full, `2001:db8:0:0:0:0:0:1`. */
export function formatAddress({ family, words }: Address): string {
  if (family === 4) {
    const word = words[0] as number;
    return [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join('.');
  }
  return words
    .flatMap((word) => [word >>> 16, word & 0xffff])
    .map((group) => group.toString(16))
    .join(':');
}
