import { request } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { APP, NOBODY } from './content.ts';
import { onEachCrane } from './cranes.ts';

// distribution-spec, "Checking if content exists in the registry"; RFC 9110, section 9.3.2: HEAD.

const { image, image512, index, large, layer512 } = APP;
const EXISTING = [
  ['latest', `/v2/team/app/manifests/latest`, index.digest, index.size],
  ['a manifest', `/v2/team/app/manifests/${image.digest}`, image.digest, image.size],
  [
    'a manifest by sha512',
    `/v2/team/app/manifests/${image512.digest}`,
    image512.digest,
    image512.bytes.length,
  ],
  ['a blob', `/v2/team/app/blobs/${large.digest}`, large.digest, large.size],
  ['a blob by sha512', `/v2/team/app/blobs/${layer512.digest}`, layer512.digest, layer512.bytes.length],
] as const;

/** What both crane and mirror leave to themselves at each answer. */
const OF_THE_CONNECTION = new Set(['date', 'connection', 'keep-alive']);

onEachCrane(({ ask, url }, real, mode) => {
  const head = (target: string, init: RequestInit = {}) =>
    ask(target, { method: 'HEAD', redirect: 'manual', ...init });

  real.test(
    'a HEAD of an existing manifest or blob MUST be 200, and is answered without a redirect',
    async () => {
      for (const [what, target] of EXISTING) expect([what, (await head(target)).status]).toEqual([what, 200]);
    },
  );

  real.test('a successful response MUST contain the digest in Docker-Content-Digest', async () => {
    for (const [what, target, digest] of EXISTING)
      expect([what, (await head(target)).headers.get('docker-content-digest')]).toEqual([what, digest]);
  });

  real.test('a successful response MUST contain the size in bytes in Content-Length', async () => {
    for (const [what, target, , size] of EXISTING)
      expect([what, (await head(target)).headers.get('content-length')]).toEqual([what, String(size)]);
  });

  real.test('Content-Type is that of the manifest', async () => {
    for (const { tag, made } of APP.kinds)
      expect((await head(`/v2/team/app/manifests/${tag}`)).headers.get('content-type')).toBe(made.mediaType);
  });

  real.test('what is not in the repository MUST be 404', async () => {
    for (const target of [
      '/v2/team/app/manifests/v3',
      `/v2/team/app/manifests/${NOBODY}`,
      `/v2/team/app/blobs/${NOBODY}`,
      '/v2/nobody/manifests/latest',
      `/v2/nobody/blobs/${large.digest}`,
    ])
      expect([target, (await head(target)).status]).toEqual([target, 404]);
  });

  real.test('HEAD has the status and headers of GET, on every route, and no body', async () => {
    const targets = [
      '/',
      '/v2',
      '/v2/',
      '/v1/_ping',
      '/mirrors',
      '/v2/_catalog',
      '/v2/_catalog?n=1',
      '/v2/team/app/tags/list',
      '/v2/team/app/tags/list?n=2',
      '/v2/team/app/tags/list?n=-1',
      '/v2/nobody/tags/list',
      `/v2/team/app/referrers/${index.digest}`,
      `/v2/team/app/referrers/${index.digest}?artifactType=application/spdx%2Bjson`,
      `/v2/team/app/referrers/${NOBODY}`,
      '/v2/team/app/referrers/123',
      '/v2/team/app/manifests/v3',
      '/v2/team/app/manifests/sha256:totallywrong',
      '/v2/Team/manifests/latest',
      `/v2/team/app/blobs/${NOBODY}`,
      '/v2/team/app/blobs/123',
      `/v2/team/app/blobs/${large.digest}?mirrorlist`,
      '/v2/team/app/manifests/latest?serial=0',
      '/v2/team/app/manifests/latest?serial=7',
      `/v2/${'a/'.repeat(3000)}tags/list`,
      // Where content comes from a mirror, HEAD is answered as it will be in the end.
      ...(mode === 'serve'
        ? ['/v2/team/app/manifests/latest?serial=1', ...EXISTING.map(([, target]) => target)]
        : []),
    ];
    for (const target of targets) {
      const [got, asked] = [await ask(target, { redirect: 'manual' }), await head(target)];
      const told = ({ status, headers }: Response) => ({
        target,
        status,
        headers: [...headers].filter(([name]) => !OF_THE_CONNECTION.has(name)),
      });
      await got.body?.cancel();
      expect(told(asked)).toEqual(told(got));
    }
  });

  real.test(
    'nothing follows the headers of a HEAD: the next answer on the connection is read rightly',
    async () => {
      for (const [what, target, digest] of EXISTING) {
        // As fetch drops what should not be there, the connection is read by hand.
        const asked = request(`${url()}${target}`, {
          method: 'HEAD',
          headers: { connection: 'close' },
        }).end();
        const [response] = (await once(asked, 'response')) as [IncomingMessage];
        let bytes = 0;
        response.socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
        response.resume();
        await once(response, 'end');
        expect([what, bytes, response.headers['docker-content-digest']]).toEqual([what, 0, digest]);
      }
    },
  );

  real.test(
    'If-None-Match with the ETag of what is there is 304 without a body (RFC 9110, section 13.1.2)',
    async () => {
      for (const [, target, digest] of EXISTING) {
        const etag = (await head(target)).headers.get('etag');
        expect(etag).toBe(`"${digest}"`);
        for (const known of [`"${digest}"`, `W/"${digest}"`, `"other", "${digest}"`, '*'])
          for (const method of ['GET', 'HEAD']) {
            const response = await ask(target, {
              method,
              redirect: 'manual',
              headers: { 'if-none-match': known },
            });
            const said = [response.status, response.headers.get('etag'), await response.text()];
            expect(said).toEqual([304, etag, '']);
          }
        expect((await head(target, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
      }
    },
  );

  real.test(
    'what a digest names may be kept for good, what a tag names for seconds (RFC 8246, RFC 9111)',
    async () => {
      for (const [what, target] of EXISTING) {
        const kept = (await head(target)).headers.get('cache-control');
        expect([what, kept]).toEqual([
          what,
          what === 'latest' ? 'public, max-age=10' : 'public, max-age=31536000, immutable',
        ]);
      }
    },
  );
});
