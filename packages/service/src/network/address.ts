import { isIPv4, isIPv6 } from 'node:net';

/**
 * An IP address as four words of 32 bits, the first bits first. An IPv4 address is one word; one that is mapped into IPv6
 * (RFC 4291, section 2.5.5.2) counts as the IPv4 address that it stands for.
 */
export interface Address {
  readonly family: 4 | 6;
  readonly words: readonly number[];
}

/** Reads an address; undefined for what is none. A zone (`%eth0`) is no part of it. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, words: [wordOfIpv4(text)] };
  const zone = text.indexOf('%');
  const bare = zone < 0 ? text : text.slice(0, zone);
  if (!isIPv6(bare)) return undefined;
  const words = wordsOfIpv6(bare);
  const [first, second, third, last] = words;
  if (first === 0 && second === 0 && third === 0xffff) return { family: 4, words: [last as number] };
  return { family: 6, words };
}

/** A network in CIDR notation, its host bits 0. */
export interface Network extends Address {
  readonly prefixBits: number;
}

/** Reads a network, or one address as the network of it alone; undefined for what is none. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const isMapped = address.family === 4 && text.includes(':');
  const widest = address.family === 4 ? 32 : 128;
  if (slash < 0) return { ...address, prefixBits: widest };
  const length = text.slice(slash + 1);
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const prefixBits = Number(length) - (isMapped ? 96 : 0);
  if (prefixBits < 0 || prefixBits > widest) return undefined;
  return {
    family: address.family,
    words: address.words.map((word, at) => word & maskOf(prefixBits - at * 32)),
    prefixBits,
  };
}

/** Whether an address is one of a network's. */
export function liesWithin({ family, words }: Address, network: Network): boolean {
  return (
    family === network.family &&
    words.every((word, at) => (word & maskOf(network.prefixBits - at * 32)) === network.words[at])
  );
}

/** The mask of the first so many bits of a word. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

function wordOfIpv4(text: string): number {
  let word = 0;
  for (const part of text.split('.')) word = (word << 8) | Number(part);
  return word;
}

function wordsOfIpv6(text: string): number[] {
  const lastColon = text.lastIndexOf(':');
  const tail = text.slice(lastColon + 1);
  let plain = text;
  if (tail.includes('.')) {
    const word = wordOfIpv4(tail) >>> 0;
    plain = `${text.slice(0, lastColon + 1)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
  }
  const [head = '', rest] = plain.split('::');
  const before = groupsOf(head);
  const after = rest === undefined ? [] : groupsOf(rest);
  const groups = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
  return [0, 2, 4, 6].map((at) => ((groups[at] as number) << 16) | (groups[at + 1] as number));
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
