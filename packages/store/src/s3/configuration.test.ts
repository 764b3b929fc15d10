import { placeOf } from './configuration.ts';

test('a prefix is folders, with or without slashes around them', () => {
  const prefixes = ['', '/', 'a', '/a/b_1.c/'].map((prefix) => placeOf({ bucket: 'abc', prefix }).prefix);
  expect([placeOf({ bucket: 'abc' }).prefix, ...prefixes]).toEqual(['', '', '', 'a/', 'a/b_1.c/']);
});

test('a place is named by bucket and endpoint', () => {
  expect(placeOf({ bucket: 'abc', endpoint: 'https://host/s3//' }).name).toBe(
    'the bucket "abc" at https://host/s3',
  );
  expect(placeOf({ bucket: 'abc' }).name).toBe('the bucket "abc" at Amazon S3');
});

test.each([
  ['bucket', { bucket: 'a' }],
  ['bucket', { bucket: 'a/b/c' }],
  ['prefix', { bucket: 'abc', prefix: 'a/../b' }],
  ['prefix', { bucket: 'abc', prefix: 'a//b' }],
  ['prefix', { bucket: 'abc', prefix: 'ä' }],
  ['prefix', { bucket: 'abc', prefix: 'a'.repeat(513) }],
  ['endpoint', { bucket: 'abc', endpoint: 'host:9000' }],
  ['endpoint', { bucket: 'abc', endpoint: 'ftp://host' }],
  ['endpoint', { bucket: 'abc', endpoint: 'https://host?a=b' }],
])('a wrong %s is refused by name: %j', (key, configuration) => {
  expect(() => placeOf(configuration)).toThrow(
    expect.objectContaining({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(`^s3\\.${key}: `) as string,
    }),
  );
});

test('a credential in the address is refused, and not repeated', () => {
  const endpoint = 'https://key:secret@host';
  const refused = expect.objectContaining({
    message: expect.stringMatching(/^s3\.endpoint: "host" is not right: .*accessKeyId/) as string,
  });
  expect(() => placeOf({ bucket: 'abc', endpoint })).toThrow(refused);
});
