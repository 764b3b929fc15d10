import { APP, NOBODY } from './content.ts';
import { errorOf, onEachCrane } from './cranes.ts';

// distribution-spec, "API": "Determining Support", "Endpoints", "Error Codes"; "Registry Proxying".

/** "The `code` field MUST be one of the following". */
const CODES = [
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
];

const ROUTES = [
  '/',
  '/v2/',
  '/v2/_catalog',
  '/mirrors',
  '/v2/team/app/tags/list',
  '/v2/team/app/manifests/latest',
  `/v2/team/app/manifests/${APP.index.digest}`,
  `/v2/team/app/blobs/${APP.large.digest}`,
  `/v2/team/app/referrers/${APP.index.digest}`,
  '/v2/team/app/blobs/uploads/',
  `/v2/team/app/blobs/uploads/?digest=${NOBODY}`,
  `/v2/team/app/blobs/uploads/?mount=${NOBODY}&from=crowd`,
];

onEachCrane(({ ask, mirror }, real, mode) => {
  real.test(
    '/v2/ MUST be 200 for who implements the specification, with the slash and without it',
    async () => {
      for (const target of ['/v2/', '/v2']) {
        const response = await ask(target, { redirect: 'manual' });
        expect([response.status, await response.text()]).toEqual([200, '{}']);
        expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
      }
    },
  );

  real.test(
    'a write is 405 on every route and says what is allowed, with the error body of the specification',
    async () => {
      for (const target of ROUTES)
        for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
          const response = await ask(target, {
            method,
            ...(method === 'DELETE' ? {} : { body: 'something' }),
          });
          expect([target, method, response.headers.get('allow')]).toEqual([target, method, 'GET, HEAD']);
          expect(await errorOf(response)).toEqual({ status: 405, code: 'UNSUPPORTED' });
        }
      expect((await ask('/v2/team/app/manifests/latest', { method: 'HEAD' })).status).toBe(200);
    },
  );

  real.test(
    'an error body is {errors: [{code, message}]}, with a code of the table, whatever is wrong',
    async () => {
      for (const target of [
        '/',
        '/v1/_ping',
        '/v2/team/app',
        '/v2/team/app/manifests/',
        '/v2/team/app/manifests/v3',
        '/v2/team/app/manifests/latest?serial=0',
        '/v2/team/app/manifests/latest?serial=99',
        '/v2/team/app/manifests/sha256:totallywrong',
        `/v2/team/app/blobs/${NOBODY}`,
        '/v2/team/app/blobs/123',
        '/v2/team/app/blobs/uploads/',
        '/v2/team/app/referrers/123',
        '/v2/team/app/tags/list?n=-1',
        '/v2/team/app/tags/other',
        '/v2/_catalog?n=x',
        '/v2/nobody/tags/list',
        '/v2/NOBODY/tags/list',
        '/v2/%zz/tags/list',
        '/v2/team%2Fapp/tags/list',
        `/v2/${'a/'.repeat(3000)}tags/list`,
      ]) {
        const { status, code } = await errorOf(await ask(target));
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
        expect(CODES).toContain(code);
      }
    },
  );

  real.test('an error body is readable for people: what was asked for stands in it', async () => {
    const { errors } = (await (await ask('/v2/nobody/tags/list')).json()) as {
      errors: { message: string }[];
    };
    expect(errors[0]?.message).toBe('nothing is published as "nobody"');
  });

  real.test('names may hold the words of the endpoints', async () => {
    for (const name of ['manifests/latest', 'tags/list', 'blobs/x/referrers'])
      for (const rest of ['tags/list', 'manifests/latest', `blobs/${NOBODY}`, `referrers/${NOBODY}`])
        expect(await errorOf(await ask(`/v2/${name}/${rest}`))).toEqual({
          status: 404,
          code: 'NAME_UNKNOWN',
        });
  });

  real.test('ns, which a registry MAY ignore, and any other parameter change nothing', async () => {
    for (const target of ROUTES.slice(1, 9)) {
      const [plain, asked] = [await ask(target), await ask(`${target}?ns=registry.example.org&%zz&a=%00`)];
      expect([target, asked.status]).toEqual([target, plain.status]);
      expect(Buffer.from(await asked.arrayBuffer()).equals(Buffer.from(await plain.arrayBuffer()))).toBe(
        true,
      );
    }
  });

  real.test(
    'the paths of a request may be percent-encoded, and its target be absolute (RFC 3986, RFC 9112)',
    async () => {
      const digest = APP.index.digest.replace(':', '%3A');
      expect((await ask(`/v2/team/app/manifests/${digest}`, { method: 'HEAD' })).status).toBe(200);
      expect((await ask('/v2/team/%61pp/manifests/l%61test', { method: 'HEAD' })).status).toBe(200);
    },
  );

  real.test(
    'a redirect is one of RFC 9110, section 15.4: 302 with a Location and nothing of the request in it',
    async () => {
      const response = await ask(
        `/v2/team/app/blobs/${APP.large.digest}?ns=evil.example&x=%0d%0aSet-Cookie:a`,
        {
          redirect: 'manual',
          headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'gopher' },
        },
      );
      await response.body?.cancel();
      const { large } = APP;
      const place = `/pool/blobs/sha256/${large.digest.slice(7, 9)}/${large.digest.slice(7)}`;
      expect([response.status, response.headers.get('location')]).toEqual(
        mode === 'serve' ? [200, null] : [302, `${mirror()}${place}`],
      );
      expect(response.headers.get('set-cookie')).toBeNull();
    },
  );

  real.test('the catalogue, where it is switched on, is paged on the crane itself', async () => {
    const names: string[] = [];
    for (let next: string | undefined = '/v2/_catalog?n=1'; next !== undefined;) {
      const response: Response = await ask(next);
      names.push(...((await response.json()) as { repositories: string[] }).repositories);
      next = /^<(\/v2\/_catalog\?[^>]*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
    }
    expect(names).toEqual(['crowd', 'team/app']);
  });
});
