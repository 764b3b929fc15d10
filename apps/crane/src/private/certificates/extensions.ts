import { elementsIn, identifierIn, TAGS } from './der.ts';

/** Where a certificate has its extensions (RFC 5280, section 4.1). */
const EXTENSIONS = 0xa3;

/**
 * The extensions of a certificate by their object identifiers; what is wrapped in one text or one string of octets is
 * unwrapped, as entitlement certificates have both.
 * @param certificate as DER
 * @throws RangeError for what is no certificate
 */
export function extensionsOf(certificate: Buffer): ReadonlyMap<string, Buffer> {
  const [whole] = elementsIn(certificate);
  const [body] = elementsIn(whole?.content ?? Buffer.alloc(0));
  const holder = elementsIn(body?.content ?? Buffer.alloc(0)).find(({ tag }) => tag === EXTENSIONS);
  const [list] = holder === undefined ? [] : elementsIn(holder.content);
  const found = new Map<string, Buffer>();
  for (const { content } of list === undefined ? [] : elementsIn(list.content)) {
    const [identifier, ...rest] = elementsIn(content);
    const value = rest.find(({ tag }) => tag === TAGS.octets);
    if (identifier?.tag === TAGS.identifier && value !== undefined)
      found.set(identifierIn(identifier.content), unwrapped(value.content));
  }
  return found;
}

function unwrapped(value: Buffer): Buffer {
  if (value[0] !== TAGS.utf8 && value[0] !== TAGS.octets) return value;
  try {
    const [only, ...more] = elementsIn(value);
    return only === undefined || more.length > 0 ? value : only.content;
  } catch {
    return value; // text that begins with such a byte
  }
}
