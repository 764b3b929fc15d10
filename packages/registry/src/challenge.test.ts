import * as fc from 'fast-check';
import { parseChallenges } from './challenge.ts';

const read = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('WWW-Authenticate', () => {
  test.each([
    ['', []],
    ['Basic realm="a b"', [['basic', { realm: 'a b' }]]],
    ['BASIC', [['basic', {}]]],
    [
      'Bearer realm="https://auth.example.org/token",service="registry",scope="repository:a/b:pull,push"',
      [
        [
          'bearer',
          {
            realm: 'https://auth.example.org/token',
            service: 'registry',
            scope: 'repository:a/b:pull,push',
          },
        ],
      ],
    ],
    ['Bearer realm = x , service=y', [['bearer', { realm: 'x', service: 'y' }]]],
    ['Basic realm="a \\" b\\\\"', [['basic', { realm: 'a " b\\' }]]],
    [
      'Negotiate, Basic realm=x, Bearer Realm="y"',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'y' }],
      ],
    ],
    [
      'Negotiate YII+/x==, Basic realm=x',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
      ],
    ],
    [', ,Bearer realm="first", realm="second",,', [['bearer', { realm: 'first' }]]],
    ['Bearer realm="never closed', [['bearer', {}]]],
    ['Basic realm="x", =, Bearer realm="y"', [['basic', { realm: 'x' }]]],
  ])('%s is read as the challenges that it holds', (header, expected) => {
    expect(read(header)).toEqual(expected);
  });

  test('what was written is what is read', () => {
    const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/);
    const challenge = fc.record({
      scheme: token,
      parameters: fc.dictionary(token, fc.string({ maxLength: 30 }), { minKeys: 1, noNullPrototype: true }),
    });
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const header = challenges
          .map(({ scheme, parameters }) => {
            const written = Object.entries(parameters).map(
              ([name, value]) => `${name}="${value.replaceAll(/["\\]/g, '\\$&')}"`,
            );
            return `${scheme} ${written.join(', ')}`;
          })
          .join(', ');
        expect(read(header)).toEqual(challenges.map(({ scheme, parameters }) => [scheme, parameters]));
      }),
    );
  });

  test('nothing that a header can hold makes it fail', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'aB="\\, \t;~/'.split('')), maxLength: 200 }),
        (header) => {
          for (const { scheme } of parseChallenges(header)) expect(scheme).toBe(scheme.toLowerCase());
        },
      ),
    );
  });
});
