import { readOptions } from './options.ts';

const read = (url: string, more = {}) => readOptions({ name: 'builds', url, environment: {}, ...more });

describe('a source', () => {
  test.each([
    ['https://registry.example.org', 'https://registry.example.org'],
    ['registry.example.org', 'https://registry.example.org'],
    ['localhost:5000', 'https://localhost:5000'],
    ['http://localhost:5000/', 'http://localhost:5000'],
  ])('%s is at %s', (url, origin) => {
    expect(read(url).origin.origin).toBe(origin);
  });

  test.each([
    ['ftp://registry.example.org', {}, 'is not a URL'],
    ['https://', {}, 'is not a URL'],
    ['https://bot:hunter2@registry.example.org', {}, 'under credentials'],
    ['https://bot:hunter2@[', {}, 'is not a URL'],
    ['https://registry.example.org/prefix', {}, 'only scheme, host and port'],
    ['https://registry.example.org?x=hunter2', {}, 'only scheme, host and port'],
    ['https://registry.example.org', { concurrency: 0 }, 'a whole number'],
    ['https://registry.example.org', { credentials: { token: 'hunter2\r\nX: y' } }, 'its token'],
    ['https://registry.example.org', { credentials: { username: 'a:b', password: 'hunter2' } }, 'username'],
    ['https://registry.example.org', { environment: { HTTPS_PROXY: 'hunter2' } }, 'HTTPS_PROXY'],
  ])('%s with %j is refused, and its message shows no secret', (url, more, words) => {
    expect(() => read(url, more)).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION_INVALID', message: expect.stringContaining(words) }),
    );
    expect(() => read(url, more)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});
