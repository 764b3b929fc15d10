/** An element of an XML document, as it begins. */
export interface XmlElement {
  /** The names of the elements that it stands in, the outermost first, and its own. */
  readonly path: readonly string[];
  readonly attributes: ReadonlyMap<string, string>;
}

const NAME = String.raw`[\p{L}_:][\p{L}\p{N}_:.\-]*`;
const ATTRIBUTE = String.raw`\s+(${NAME})\s*=\s*("[^"<]*"|'[^'<]*')`;
/** What stands between texts: comments, CDATA, instructions, a document type without an own part, and tags. */
const MARKUP = new RegExp(
  String.raw`<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<\?[^]*?\?>|<!DOCTYPE[^<>\[]*>|<(/?)(${NAME})((?:${ATTRIBUTE})*)\s*(/?)>|[<]`,
  'gu',
);
const ATTRIBUTES = new RegExp(ATTRIBUTE, 'gu');
/** Elements stand no deeper in each other. */
const MAX_DEPTH = 100;

/**
 * The elements of a document, in the order in which they begin (XML 1.0, section 3). Texts are passed over; entities are the
 * five of XML and characters by number, and none can be declared.
 * @throws Error for what is not well formed
 */
export function* readElements(xml: string): Generator<XmlElement> {
  const open: string[] = [];
  let isBegun = false;
  for (const { 0: markup, 1: end, 2: name, 3: attributes = '', 6: isEmpty } of xml.matchAll(MARKUP)) {
    if (markup === '<') throw new Error('it is no XML that can be read');
    if (name === undefined) continue;
    if (end === '/') {
      if (open.pop() !== name) throw new Error(`its element ${name.slice(0, 100)} ends without having begun`);
      continue;
    }
    if (open.length === 0 && isBegun) throw new Error('it has more than one outermost element');
    if (open.length === MAX_DEPTH) throw new Error(`it has elements deeper than ${MAX_DEPTH} in each other`);
    isBegun = true;
    yield { path: [...open, name], attributes: attributesOf(attributes) };
    if (isEmpty !== '/') open.push(name);
  }
  if (!isBegun || open.length > 0) throw new Error('it is no whole XML document');
}

function attributesOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(ATTRIBUTES)].map(([, name = '', value = '']) => [name, decode(value.slice(1, -1))]),
  );
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decode(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w+));/g, (whole, decimal, hex, name) => {
    const point =
      decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : undefined;
    if (point !== undefined) return point <= 0x10_ff_ff ? String.fromCodePoint(point) : '\uFFFD';
    return ENTITIES[String(name)] ?? whole;
  });
}
