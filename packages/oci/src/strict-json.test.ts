import * as fc from 'fast-check';
import { faultOf } from './fault-of.ts';
import { parseStrictJson } from './strict-json.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));

/** Any JSON text, members in any order, with white space and with characters escaped or not. */
const json = fc.oneof(fc.json({ maxDepth: 5 }), fc.json({ maxDepth: 5 }).map(spread));

function spread(text: string): string {
  return JSON.stringify(JSON.parse(text), undefined, '\t');
}

/** Names that a reader could mistake for something of its own. */
const names = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'a"b', 'a\\', '{', '}', '[', ':', ',', ''),
);

/** The name as a JSON string, each character escaped as `\uXXXX` where `escaped` says so. */
function asJson(name: string, escaped: boolean): string {
  if (!escaped) return JSON.stringify(name);
  const units = Array.from({ length: name.length }, (_, at) => name.charCodeAt(at));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
}

describe('Strict JSON', () => {
  test('agrees with JSON.parse on any JSON that names no member twice', () => {
    fc.assert(
      fc.property(json, (text) => {
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  test('finds a member that stands twice, wherever it is and however it is written', () => {
    const parts = fc.record({
      name: names,
      others: fc.uniqueArray(names, { maxLength: 4 }),
      value: json,
      escaped: fc.boolean(),
      around: fc.array(fc.boolean(), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(parts, ({ name, others, value, escaped, around }) => {
        const first = `${asJson(name, false)} : ${value}`;
        const again = `${asJson(name, escaped)}:${value}`;
        const rest = others
          .filter((other) => other !== name)
          .map((other) => `${asJson(other, !escaped)}:${value}`);
        const inside = (object: string) =>
          around.reduce((inner, array) => (array ? `[1,${inner}]` : `{"x":${inner},"y":[]}`), object);
        const once = inside(`{${[first, ...rest].join(' , ')}}`);
        expect(parse(once)).toEqual(JSON.parse(once));
        const twice = inside(`{${[first, ...rest, again].join(',')}}`);
        expect(() => parse(twice)).toThrow(/stands twice in one object/);
      }),
      { numRuns: 300 },
    );
  });

  test('takes "a" and "\\u0061" for one name, and one name in two objects for two', () => {
    expect(() => parse(String.raw`{"a":1,"\u0061":2}`)).toThrow('the member "a" stands twice');
    expect(() => parse(String.raw`{"a":{"b":[{"c":1,"c":1}]}}`)).toThrow('the member "c" stands twice');
    expect(parse('{"a":{"a":[{"a":1},{"a":2}]},"b":"a","c":["a","a"]}')).toEqual({
      a: { a: [{ a: 1 }, { a: 2 }] },
      b: 'a',
      c: ['a', 'a'],
    });
  });

  test('keeps members with names of the language as members', () => {
    const value = parse('{"__proto__":{"polluted":true},"constructor":1,"hasOwnProperty":2}') as object;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'hasOwnProperty']);
    expect('polluted' in {}).toBe(false);
    expect(() => parse('{"__proto__":1,"__proto__":2}')).toThrow('"__proto__" stands twice');
  });

  test.each([
    ['', 'not JSON'],
    ['{', 'not JSON'],
    ['{"a":1,}', 'not JSON'],
    ["{'a':1}", 'not JSON'],
    ['{} {}', 'not JSON'],
    ['// comment\n{}', 'not JSON'],
    ['NaN', 'not JSON'],
    ['\u{feff}{}', 'not JSON'],
    ['"\u001b[2J', 'not JSON'],
  ])('refuses %j: %s', (text, why) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({
        code: 'MANIFEST_INVALID',
        message: expect.stringContaining(why) as string,
      }) as Error,
    );
  });

  test('refuses bytes that are not UTF-8', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0xff, 0xfe, 0x7b, 0],
    ])
      expect(() => parseStrictJson(Uint8Array.from(bytes))).toThrow('not UTF-8');
  });

  test('throws printable faults and nothing else, whatever comes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(json, fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
        const broken = Buffer.from(text);
        broken[at % broken.length] = byte;
        return broken;
      }),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        expect(faultOf(() => parseStrictJson(input))?.message ?? '').not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 500 },
    );
  });

  test('is not brought down by nesting, nor by many members', () => {
    const deep = 1_000_000;
    expect(parse('['.repeat(deep) + ']'.repeat(deep))).toBeInstanceOf(Array);
    const members = Array.from({ length: 200_000 }, (_, n) => `"${n}":${n}`);
    expect(Object.keys(parse(`{${members.join(',')}}`) as object)).toHaveLength(200_000);
    expect(() => parse(`{${members.join(',')},"199999":0}`)).toThrow('"199999" stands twice');
  });

  test('refuses more values than can be read at once, before it reads any', () => {
    const many = 2_000_001;
    const refused = 'it has more than 2000000 values, which are the most';
    expect(() => parse('['.repeat(many))).toThrow(refused);
    expect(() => parse(`[${'{},'.repeat(many / 2)}0]`)).toThrow(refused);
    expect(() => parse(`[${'0,'.repeat(many)}0]`)).toThrow(refused);
    expect(parse(`["${String.raw`[,{\"`.repeat(many / 2)}"]`)).toHaveLength(1);
  });
});
