/** One element of ASN.1 by the distinguished encoding rules (X.690): its tag, and where its content lies. */
export interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

export const TAGS = { boolean: 0x01, octets: 0x04, identifier: 0x06, utf8: 0x0c, sequence: 0x30 } as const;

/** The elements that follow each other in `bytes`. @throws RangeError for what is none */
export function elementsIn(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes.readUInt8(at);
    const first = bytes.readUInt8(at + 1);
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    if (lengthBytes > 4) throw new RangeError('an element is longer than any that is read here');
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
    const start = at + 2 + lengthBytes;
    at = start + length;
    if (first === 0x80 || at > bytes.length) throw new RangeError('an element ends after all bytes');
    elements.push({ tag, content: bytes.subarray(start, at) });
  }
  return elements;
}

/** An object identifier with dots. */
export function identifierIn(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [head = 0, ...rest] = arcs;
  const root = Math.min(Math.floor(head / 40), 2);
  return [root, head - root * 40, ...rest].join('.');
}
