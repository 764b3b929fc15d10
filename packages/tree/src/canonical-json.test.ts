import { Fault } from '@gantry/oci';
import * as fc from 'fast-check';
import { canonicalBytes, canonicalJson, type CanonicalValue } from './canonical-json.ts';

/** Names that a careless program mixes up with its own. */
const AWKWARD = ['10', '1.0', '9', 'parts', '__proto__', 'constructor', 'toString', 'length', '', '-0', '00'];

type Value = string | number | boolean | null | Value[] | Map<string, Value>;

const name = fc.oneof(fc.constantFrom(...AWKWARD), fc.string({ unit: 'grapheme' }));
const { value: anyValue } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
    fc.maxSafeInteger().map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .uniqueArray(fc.tuple(name, tie('value')), { selector: ([key]) => key, maxLength: 8 })
      .map((members) => new Map(members)),
  ),
}));

/** What JSON.parse gives, with Maps for objects. */
function withMaps(parsed: unknown): unknown {
  if (Array.isArray(parsed)) return parsed.map(withMaps);
  if (typeof parsed !== 'object' || parsed === null) return parsed;
  return new Map(Object.entries(parsed).map(([key, member]) => [key, withMaps(member)]));
}

function inOtherOrder(value: Value): Value {
  if (Array.isArray(value)) return value.map(inOtherOrder);
  if (!(value instanceof Map)) return value;
  return new Map([...value].toReversed().map(([key, member]) => [key, inOtherOrder(member)]));
}

describe('canonical JSON', () => {
  test('reads back as what it was made of, also with names such as __proto__ and 10', () => {
    fc.assert(
      fc.property(anyValue, (value) => expect(withMaps(JSON.parse(canonicalJson(value)))).toEqual(value)),
    );
  });

  test('does not depend on the order in which members were put in', () => {
    fc.assert(
      fc.property(anyValue, (value) => expect(canonicalJson(inOtherOrder(value))).toBe(canonicalJson(value))),
    );
  });

  test('is a fixed point: what was read back is written the same', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text) as CanonicalValue)).toBe(text);
      }),
    );
  });

  test('sorts members by UTF-16 code units, as the example of RFC 8785, section 3.2.3', () => {
    const members = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    expect([...canonicalJson(members).matchAll(/:"([^"]+)"/g)].map(([, text]) => text)).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  test('escapes as RFC 8785, section 3.2.2.2 says, and nothing else', () => {
    expect(canonicalJson('\u20ac$\u000f\nA\'B"\\\\"/\u007f\b\t\f\r<>&')).toBe(
      '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u007f\\b\\t\\f\\r<>&"',
    );
  });

  test('writes awkward names as any other', () => {
    const map = new Map(AWKWARD.map((key, at) => [key, at]));
    const text =
      '{"":8,"-0":9,"00":10,"1.0":1,"10":0,"9":2,"__proto__":4,"constructor":5,"length":7,"parts":3,"toString":6}';
    expect(canonicalJson(map)).toBe(text);
    expect(canonicalJson(JSON.parse(text) as CanonicalValue)).toBe(text);
    expect(Buffer.from(canonicalBytes(map)).toString()).toBe(text);
  });

  test.each([
    ['half a surrogate pair', 'a\ud800b', /lone surrogate/],
    ['a name with half a pair', { ['\udc00']: 1 }, /lone surrogate/],
    ['a fraction', 0.5, /0\.5/],
    ['a number that is not exact', 2 ** 53, /safe integers/],
    ['what is no number', Number.NaN, /NaN/],
    ['an absent member', { a: undefined } as unknown as CanonicalValue, /undefined/],
  ])('refuses %s', (_, value, message) => {
    expect(() => canonicalJson(value)).toThrow(Fault);
    expect(() => canonicalJson(value)).toThrow(message);
  });
});
