import { inflateSync } from 'node:zlib';
import { following, newPathNode, type PathNode } from './path-words.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_NODES = 100_000;

/** What a Huffman code stands for: a leaf, or two branches. */
type Code<T> = { readonly leaf: T } | { readonly branches: readonly [Code<T>, Code<T>] };

/**
 * Unpacks the paths of an entitlement certificate of version 3: a list of words, packed by zlib and parted by NULs, then the
 * number of nodes, then for each node in turn pairs of a word and the node that it leads to, until the empty word. Words
 * and nodes stand there by their Huffman codes, whose weights are their places in the list from 1 up. A node that leads
 * nowhere ends a path.
 * @throws Error for what is not packed so
 */
export function unpackPaths(packed: Buffer): PathNode {
  const { buffer, engine } = inflateSync(packed, {
    info: true,
    maxOutputLength: MAX_BYTES,
  }) as unknown as { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
  const words = huffman(buffer.toString('utf8').split('\0'));
  const rest = packed.subarray(engine.bytesWritten);
  const { count, at } = nodeCount(rest);
  if (count > MAX_NODES) throw new RangeError(`more than ${MAX_NODES} nodes`);
  const root = newPathNode();
  const others = Array.from({ length: Math.max(count - 1, 0) }, newPathNode);
  const nodes = huffman(others);
  const bits = bitsOf(rest.subarray(at));
  for (const node of [root, ...others]) {
    for (let word = decode(words, bits); word !== '' && word !== undefined; word = decode(words, bits)) {
      const reached = decode(nodes, bits);
      if (reached === undefined) throw new RangeError('the paths end early');
      following(node, word).push(reached);
    }
  }
  for (const node of others) node.ends = node.next.size === 0 && node.nextOfAny.length === 0;
  return root;
}

/** One byte below 128, else the number of bytes that follow with the count. */
function nodeCount(bytes: Buffer): { readonly count: number; readonly at: number } {
  const first = bytes.readUInt8(0);
  if (first < 128) return { count: first, at: 1 };
  const length = first - 128;
  if (length < 1 || length > 4) throw new RangeError('the number of nodes can not be read');
  return { count: bytes.readUIntBE(1, length), at: 1 + length };
}

/** Of those that weigh the same, what has waited longer comes first, and what comes first is the branch for 0. */
function huffman<T>(values: readonly T[]): Code<T> | undefined {
  const leaves = values.map((leaf, index) => ({ code: { leaf } as Code<T>, weight: index + 1 }));
  const joined: typeof leaves = [];
  // Leaves come in the order of their weights, and so do pairs as they are made: two queues are a sorted one.
  const lightest = () => {
    const [leaf, pair] = [leaves[0], joined[0]];
    const isLeaf = pair === undefined || (leaf !== undefined && leaf.weight <= pair.weight);
    return isLeaf ? leaves.shift() : joined.shift();
  };
  for (;;) {
    const left = lightest();
    const right = lightest();
    if (left === undefined || right === undefined) return left?.code;
    joined.push({ code: { branches: [left.code, right.code] }, weight: left.weight + right.weight });
  }
}

/** The next value; undefined: there are no more bits. */
function decode<T>(from: Code<T> | undefined, bits: Iterator<0 | 1, undefined>): T | undefined {
  let code = from;
  while (code !== undefined && !('leaf' in code)) {
    const bit = bits.next().value;
    code = bit === undefined ? undefined : code.branches[bit];
  }
  return code?.leaf;
}

function* bitsOf(bytes: Buffer): Generator<0 | 1, undefined> {
  for (const byte of bytes) for (let shift = 7; shift >= 0; shift--) yield ((byte >> shift) & 1) as 0 | 1;
}
