import { parseNetwork } from '@gantry/service';

type Value = string | number | { readonly [key: string]: Value };

/**
 * A small database in MaxMind's format (MaxMind DB File Format Specification 2.0), so that a test can say where an address is:
 * a tree of bits over IPv6, in which an IPv4 network lies below 96 zeros, records of 24 bits.
 */
export function makeMmdb(places: Readonly<Record<string, Value>>): Buffer {
  const data: Buffer[] = [];
  let dataBytes = 0;
  const nodes: [number | undefined, number | undefined][] = [[undefined, undefined]];
  const leaves: { node: number; side: 0 | 1; offset: number }[] = [];
  for (const [text, value] of Object.entries(places)) {
    const network = parseNetwork(text);
    if (network === undefined) throw new Error(`${text} is no network`);
    const { family, words, prefixBits } = network;
    const all = family === 4 ? [0, 0, 0, ...words] : words;
    const length = prefixBits + (family === 4 ? 96 : 0);
    let node = 0;
    for (let bit = 0; bit < length; bit++) {
      const side = (((all[bit >>> 5] as number) >>> (31 - (bit & 31))) & 1) as 0 | 1;
      const branch = nodes[node] as (typeof nodes)[number];
      if (bit === length - 1) leaves.push({ node, side, offset: dataBytes });
      else node = branch[side] ??= nodes.push([undefined, undefined]) - 1;
    }
    const bytes = encode(value);
    data.push(bytes);
    dataBytes += bytes.length;
  }
  const tree = Buffer.alloc(nodes.length * 6);
  for (const [number, branch] of nodes.entries())
    for (const [side, child] of branch.entries())
      tree.writeUIntBE(child ?? nodes.length, number * 6 + side * 3, 3);
  for (const { node, side, offset } of leaves)
    tree.writeUIntBE(nodes.length + 16 + offset, node * 6 + side * 3, 3);
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 0,
    database_type: 'Test',
    ip_version: 6,
    node_count: nodes.length,
    record_size: 24,
  });
  return Buffer.concat([
    tree,
    Buffer.alloc(16),
    ...data,
    Buffer.from('abcdef4d61784d696e642e636f6d', 'hex'),
    metadata,
  ]);
}

/** Type numbers of the format's data section: text 2, map 7, uint32 6. */
function encode(value: Value): Buffer {
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    if (text.length >= 29) throw new Error('a longer text is not needed');
    return Buffer.concat([Buffer.of((2 << 5) | text.length), text]);
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(5);
    bytes[0] = (6 << 5) | 4;
    bytes.writeUInt32BE(value, 1);
    return bytes;
  }
  const entries = Object.entries(value);
  return Buffer.concat([
    Buffer.of((7 << 5) | entries.length),
    ...entries.flatMap(([key, member]) => [encode(key), encode(member)]),
  ]);
}
