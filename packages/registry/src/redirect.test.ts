import { readOptions } from './options.ts';
import { followRedirect, isRedirect, REDIRECTS_MAX } from './redirect.ts';

const source = readOptions({ name: 's', url: 'https://registry.example.org', environment: {} });
const from = new URL('https://registry.example.org/v2/a/blobs/b');
const follow = (location: string | undefined, visited: string[] = [from.href], at = from) =>
  followRedirect(source, at, location, new Set(visited));

describe('redirects', () => {
  test('are the statuses that keep GET and HEAD', () => {
    expect([200, 300, 301, 302, 303, 304, 307, 308, 401].filter(isRedirect)).toEqual([
      301, 302, 303, 307, 308,
    ]);
  });

  test('lead to a relative place too', () => {
    const { url, trust } = follow('../elsewhere?x=1');
    expect([url.href, trust]).toEqual(['https://registry.example.org/v2/a/elsewhere?x=1', 'own']);
  });

  test('never carry a user that stands in the Location', () => {
    expect(follow('https://u:p@cdn.test/x#part').url.href).toBe('https://cdn.test/x');
  });

  test.each([
    [undefined, 'SOURCE_FAILED', 'without a Location'],
    ['https://', 'SOURCE_FAILED', 'without a Location'],
    ['http://cdn.test/x', 'SOURCE_ADDRESS_REFUSED', 'away from TLS'],
    ['file:///etc/passwd', 'SOURCE_ADDRESS_REFUSED', 'not HTTP'],
    ['gopher://cdn.test/', 'SOURCE_ADDRESS_REFUSED', 'not HTTP'],
    ['https://192.168.0.1/x', 'SOURCE_ADDRESS_REFUSED', 'allow.hosts'],
    [from.href, 'SOURCE_ADDRESS_REFUSED', 'in a circle'],
  ])('to %s are refused with %s: %s', (location, code, words) => {
    expect(() => follow(location)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(words) }),
    );
  });

  test('end after the most that are followed', () => {
    const visited = Array.from({ length: REDIRECTS_MAX }, (_, hop) => `https://cdn.test/${hop}`);
    expect(follow('https://cdn.test/last', visited).trust).toBe('other');
    expect(() => follow('https://cdn.test/last', [...visited, from.href])).toThrow('after 5 redirects');
  });

  test('show no query of a presigned address in a message', () => {
    expect(() => follow('http://cdn.test/x?X-Amz-Signature=secret')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });
});
