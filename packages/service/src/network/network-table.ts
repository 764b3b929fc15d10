import type { Address, Network } from './address.ts';

/** Values by network, of which the one of the longest prefix holds. */
export interface NetworkTable<T> {
  /** The value of the narrowest network that an address lies in. */
  find(address: Address): T | undefined;
  /** The values of all networks that an address lies in, the narrowest first. */
  findAll(address: Address): readonly T[];
}

/** Two children and a value's place, a node: three words. */
const NODE_WORDS = 3;
const VALUE = 2;

/**
 * A binary trie of each family in one run of memory: a look-up takes as many steps as the longest prefix there has bits,
 * whatever the number of networks. Of two values for one network the later counts.
 */
export function networkTable<T>(entries: Iterable<readonly [Network, T]>): NetworkTable<T> {
  const values: T[] = [];
  const tries = { 4: new Trie(), 6: new Trie() };
  for (const [network, value] of entries) tries[network.family].add(network, values.push(value));
  return {
    find({ family, words }) {
      let found = 0;
      tries[family].walk(words, (value) => (found = value));
      return found === 0 ? undefined : values[found - 1];
    },
    findAll({ family, words }) {
      const found: T[] = [];
      tries[family].walk(words, (value) => found.unshift(values[value - 1] as T));
      return found;
    },
  };
}

class Trie {
  #nodes = new Int32Array(NODE_WORDS * 64);
  #count = 1;

  add({ words, prefixBits }: Network, value: number): void {
    let node = 0;
    for (let bit = 0; bit < prefixBits; bit++) {
      const child = node * NODE_WORDS + bitOf(words, bit);
      node = this.#nodes[child] as number;
      if (node !== 0) continue;
      node = this.#open();
      this.#nodes[child] = node;
    }
    this.#nodes[node * NODE_WORDS + VALUE] = value;
  }

  /** Tells of each value on the way to an address, the widest network first. */
  walk(words: readonly number[], onValue: (value: number) => void): void {
    const nodes = this.#nodes;
    const bits = words.length * 32;
    for (let node = 0, bit = 0; ; bit++) {
      const value = nodes[node * NODE_WORDS + VALUE] as number;
      if (value !== 0) onValue(value);
      if (bit === bits) return;
      node = nodes[node * NODE_WORDS + bitOf(words, bit)] as number;
      if (node === 0) return;
    }
  }

  #open(): number {
    if ((this.#count + 1) * NODE_WORDS > this.#nodes.length) {
      const grown = new Int32Array(this.#nodes.length * 2);
      grown.set(this.#nodes);
      this.#nodes = grown;
    }
    return this.#count++;
  }
}

function bitOf(words: readonly number[], bit: number): number {
  return ((words[bit >>> 5] as number) >>> (31 - (bit & 31))) & 1;
}
