import * as fc from 'fast-check';
import { type Access, accessLine } from './access-line.ts';

const ACCESS: Access = {
  atMs: Date.UTC(2026, 10, 22, 3, 4, 5, 6),
  client: '192.0.2.1',
  method: 'GET',
  target: '/v2/app/manifests/latest',
  status: 302,
  bytes: 0,
  mirror: 'one',
  userAgent: 'containerd/2.1',
  durationUs: 17,
};
const read = (access: Partial<Access>) =>
  JSON.parse(accessLine({ ...ACCESS, ...access })) as Record<string, unknown>;
const shown = (target: string) => read({ target })['target'];

test('a line is one object of JSON', () => {
  expect(accessLine(ACCESS)).toBe(
    '{"time":"2026-11-22T03:04:05.006Z","client":"192.0.2.1","method":"GET","target":"/v2/app/manifests/latest",' +
      '"status":302,"bytes":0,"mirror":"one","userAgent":"containerd/2.1","durationUs":17}',
  );
});

test('what is not known is left out', () => {
  expect(read({ mirror: undefined, userAgent: undefined, client: undefined })).toEqual({
    time: '2026-11-22T03:04:05.006Z',
    method: 'GET',
    target: '/v2/app/manifests/latest',
    status: 302,
    bytes: 0,
    durationUs: 17,
  });
});

test('whatever a client sends, it stays in its own text, on one line of ASCII', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({
      unit: fc.constantFrom('"', '\\', '\n', '\r', '\u001b', '\u009b', '\u2028', '\ud800', 'é', '}'),
    }),
  );
  fc.assert(
    fc.property(text, text, (path, userAgent) => {
      const target = `/${path.replaceAll('?', '')}`;
      const line = accessLine({ ...ACCESS, target, userAgent });
      expect(line).toMatch(/^[ -~]+$/);
      expect(JSON.parse(line)).toMatchObject({ target, userAgent: userAgent.slice(0, 256), status: 302 });
    }),
    { seed: 20261122, numRuns: 1000 },
  );
});

test('long texts are cut', () => {
  const { target, userAgent } = read({ target: `/${'x'.repeat(4000)}`, userAgent: 'y'.repeat(9000) });
  expect([String(target).length, String(userAgent).length]).toEqual([1027, 259]);
});

describe('of a target is shown', () => {
  test.each([
    ['/v2/app/tags/list?n=5&last=v1', '/v2/app/tags/list?n=5&last=v1'],
    ['/v2/app/blobs/x?mirrorlist', '/v2/app/blobs/x?mirrorlist'],
    ['/v2/app/blobs/x?token=hush&n=1', '/v2/app/blobs/x?token=***&n=1'],
    ['/v2/app/blobs/x?Signature=a=b&%6e=1', '/v2/app/blobs/x?Signature=***&%6e=***'],
    ['/v2/?hush', '/v2/?***'],
    ['http://user:hush@host/v2/?n=1', '/v2/?n=1'],
    ['HTTPS://user:hush@host', ''],
  ])('%s: %s', (target, expected) => expect(shown(target)).toBe(expected));
});
