import { digestOf, splitDigest } from '@gantry/oci';
import { APP, NOBODY } from './content.ts';
import { errorOf, onEachCrane } from './cranes.ts';

// distribution-spec, "Pulling manifests".

onEachCrane(({ ask }, real, mode) => {
  real.test(
    'a GET of an existing manifest MUST be 200 with the expected manifest, by tag and by digest',
    async () => {
      for (const { tag, made } of APP.kinds) {
        for (const reference of [tag, made.digest]) {
          const response = await ask(`/v2/team/app/manifests/${reference}`);
          const bytes = Buffer.from(await response.arrayBuffer());
          expect({ reference, status: response.status, bytes }).toEqual({
            reference,
            status: 200,
            bytes: made.bytes,
          });
        }
      }
    },
  );

  real.test('a successful response MUST contain the digest in Docker-Content-Digest', async () => {
    for (const { tag, made } of APP.kinds) {
      for (const reference of [tag, made.digest]) {
        const response = await ask(`/v2/team/app/manifests/${reference}`);
        expect(response.headers.get('docker-content-digest')).toBe(made.digest);
        await response.body?.cancel();
      }
    }
  });

  real.test(
    'Content-Type is that of the manifest, whose mediaType it matches, and has no parameters',
    async () => {
      for (const { made } of APP.kinds) {
        const response = await ask(`/v2/team/app/manifests/${made.digest}`);
        const { mediaType } = (await response.json()) as { mediaType: string };
        expect(response.headers.get('content-type')).toBe(mediaType);
        expect(mediaType).toBe(made.mediaType);
      }
    },
  );

  real.test(
    'what a client says in Accept changes neither the bytes nor the type of what a digest names',
    async () => {
      for (const accept of [
        '*/*',
        'application/json',
        APP.image.mediaType,
        'text/html;q=0.3, application/xml;q=0.9',
      ]) {
        const response = await ask(`/v2/team/app/manifests/${APP.index.digest}`, { headers: { accept } });
        expect([response.status, response.headers.get('content-type')]).toEqual([200, APP.index.mediaType]);
        expect(digestOf(Buffer.from(await response.arrayBuffer()))).toBe(APP.index.digest);
      }
    },
  );

  real.test(
    'a tag of an index is the index, and for who takes none the image for linux/amd64 (content-negotiation.md)',
    async () => {
      for (const [accept, made] of [
        [`${APP.image.mediaType}, ${APP.index.mediaType}`, APP.index],
        [`${APP.image.mediaType}, */*;q=0.1`, APP.index],
        [`${APP.image.mediaType}, ${APP.index.mediaType};q=0`, APP.image],
        [APP.image.mediaType, APP.image],
      ] as const) {
        const response = await ask('/v2/team/app/manifests/latest', { headers: { accept } });
        const bytes = Buffer.from(await response.arrayBuffer());
        expect([accept, response.status, response.headers.get('content-type')]).toEqual([
          accept,
          200,
          made.mediaType,
        ]);
        expect(bytes).toEqual(made.bytes);
        expect(response.headers.get('docker-content-digest')).toBe(made.digest);
      }
    },
  );

  real.test('a manifest that was published by its sha512 digest is had by it, and by no other', async () => {
    const { bytes, digest } = APP.image512;
    const response = await ask(`/v2/team/app/manifests/${digest}`);
    expect([response.status, response.headers.get('docker-content-digest')]).toEqual([200, digest]);
    expect(digestOf(Buffer.from(await response.arrayBuffer()), 'sha512')).toBe(digest);
    expect(await errorOf(await ask(`/v2/team/app/manifests/${digestOf(bytes)}`))).toEqual({
      status: 404,
      code: 'MANIFEST_UNKNOWN',
    });
  });

  real.test('a manifest that is not in the repository MUST be 404, by tag and by digest', async () => {
    for (const reference of [
      'v3',
      `sha384:${'0'.repeat(96)}`,
      'blake3:abc',
      NOBODY,
      `sha512:${splitDigest(APP.image512.digest).hex.replaceAll('a', 'b')}`,
    ])
      expect(await errorOf(await ask(`/v2/team/app/manifests/${reference}`))).toEqual({
        status: 404,
        code: 'MANIFEST_UNKNOWN',
      });
  });

  real.test('a manifest of another repository MUST be 404, as it is not in this one', async () => {
    expect(await errorOf(await ask(`/v2/crowd/manifests/${APP.index.digest}`))).toEqual({
      status: 404,
      code: 'MANIFEST_UNKNOWN',
    });
    expect(await errorOf(await ask(`/v2/team/manifests/${APP.index.digest}`))).toEqual({
      status: 404,
      code: 'NAME_UNKNOWN',
    });
  });

  real.test(
    'a tag is at most 128 characters of its grammar; what is in any other format is no manifest',
    async () => {
      const longest = `x${'y'.repeat(127)}`;
      const response = await ask(`/v2/team/app/manifests/${longest}`);
      expect([response.status, response.headers.get('docker-content-digest')]).toEqual([
        200,
        APP.image.digest,
      ]);
      await response.body?.cancel();
      for (const reference of [`${longest}y`, '.v1', '-v1', 'v1+1', 'v%201', 'a/b', 'sha256-'.repeat(20)])
        expect({ reference, ...(await errorOf(await ask(`/v2/team/app/manifests/${reference}`))) }).toEqual({
          reference,
          status: 404,
          code: 'MANIFEST_UNKNOWN',
        });
    },
  );

  real.test('a digest with an invalid syntax is 400 with an error body', async () => {
    const { hex } = splitDigest(APP.index.digest);
    for (const reference of [
      'sha256:totallywrong',
      `sha256:${hex.toUpperCase()}`,
      `sha256:${hex}0`,
      `sha512:${hex}`,
      ':',
      'sha256:',
    ])
      expect({ reference, ...(await errorOf(await ask(`/v2/team/app/manifests/${reference}`))) }).toEqual({
        reference,
        status: 400,
        code: 'DIGEST_INVALID',
      });
  });

  real.test(
    'a name outside of the grammar is 400, one of 255 characters that nobody has is 404',
    async () => {
      for (const name of [
        'Team/app',
        'team//app',
        'team/_app',
        'team/app-',
        'te..am',
        'a___b',
        'team/%C3%A4',
        'a'.repeat(256),
      ])
        expect({ name, ...(await errorOf(await ask(`/v2/${name}/manifests/latest`))) }).toEqual({
          name,
          status: 400,
          code: 'NAME_INVALID',
        });
      for (const name of ['a'.repeat(255), 'a__b/c-----d/e.f_g', '0', 'manifests/tags/blobs/referrers'])
        expect({ name, ...(await errorOf(await ask(`/v2/${name}/manifests/latest`))) }).toEqual({
          name,
          status: 404,
          code: 'NAME_UNKNOWN',
        });
    },
  );

  real.test(
    'a tag is fixed to its digest by the crane: a redirect leads to the digest, never to a name',
    async () => {
      const response = await ask('/v2/team/app/manifests/latest', { redirect: 'manual' });
      await response.body?.cancel();
      const location = response.headers.get('location');
      expect([response.status, location?.slice(-64)]).toEqual(
        mode === 'serve' ? [200, undefined] : [302, splitDigest(APP.index.digest).hex],
      );
    },
  );
});
