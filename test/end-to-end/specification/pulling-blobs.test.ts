import { digestOf } from '@gantry/oci';
import { APP, NOBODY } from './content.ts';
import { errorOf, onEachCrane } from './cranes.ts';

// distribution-spec, "Pulling blobs".

const { large, layer512 } = APP;
const target = `/v2/team/app/blobs/${large.digest}`;

onEachCrane(({ ask }, real) => {
  real.test('a GET of an existing blob MUST be 200 with the expected blob, one of no bytes too', async () => {
    for (const { bytes, digest } of [large, APP.empty, ...APP.image.blobs]) {
      const response = await ask(`/v2/team/app/blobs/${digest}`);
      expect(response.status).toBe(200);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    }
  });

  real.test(
    'a successful response MUST contain the digest of the body in Docker-Content-Digest',
    async () => {
      for (const { digest } of [large, APP.empty]) {
        const response = await ask(`/v2/team/app/blobs/${digest}`);
        const body = Buffer.from(await response.arrayBuffer());
        expect(response.headers.get('docker-content-digest')).toBe(digest);
        expect(digestOf(body)).toBe(digest);
      }
    },
  );

  real.test('a blob that was published by its sha512 digest is had by it', async () => {
    const response = await ask(`/v2/team/app/blobs/${layer512.digest}`);
    expect([response.status, response.headers.get('docker-content-digest')]).toEqual([200, layer512.digest]);
    expect(Buffer.from(await response.arrayBuffer()).equals(layer512.bytes)).toBe(true);
  });

  real.test('a blob is sent as it is, whatever encodings a client takes', async () => {
    const response = await ask(target, { headers: { 'accept-encoding': 'gzip, br, zstd' } });
    expect(response.headers.get('content-encoding')).toBeNull();
    expect(response.headers.get('content-length')).toBe(String(large.size));
    await response.body?.cancel();
  });

  real.test('a blob that is not in the repository MUST be 404, also where another has it', async () => {
    for (const digest of [NOBODY, `sha384:${'0'.repeat(96)}`, 'blake3:abc'])
      expect(await errorOf(await ask(`/v2/team/app/blobs/${digest}`))).toEqual({
        status: 404,
        code: 'BLOB_UNKNOWN',
      });
    expect(await errorOf(await ask(`/v2/crowd/blobs/${large.digest}`))).toEqual({
      status: 404,
      code: 'BLOB_UNKNOWN',
    });
    expect(await errorOf(await ask(`/v2/team/blobs/${large.digest}`))).toEqual({
      status: 404,
      code: 'NAME_UNKNOWN',
    });
  });

  real.test('a manifest is no blob, and a blob no manifest', async () => {
    expect(await errorOf(await ask(`/v2/team/app/blobs/${APP.index.digest}`))).toEqual({
      status: 404,
      code: 'BLOB_UNKNOWN',
    });
    expect(await errorOf(await ask(`/v2/team/app/manifests/${large.digest}`))).toEqual({
      status: 404,
      code: 'MANIFEST_UNKNOWN',
    });
  });

  real.test('a digest with an invalid syntax is 400 with an error body', async () => {
    for (const digest of ['123', 'latest', 'sha256:', 'sha256:totallywrong', `${large.digest}0`])
      expect({ digest, ...(await errorOf(await ask(`/v2/team/app/blobs/${digest}`))) }).toEqual({
        digest,
        status: 400,
        code: 'DIGEST_INVALID',
      });
  });

  real.test(
    'Range SHOULD be supported (RFC 9110, section 14): 206 with the part and its Content-Range',
    async () => {
      for (const [range, first, last] of [
        ['bytes=0-99', 0, 99],
        ['bytes=99990-', 99_990, 99_999],
        ['bytes=-10', 99_990, 99_999],
        ['bytes=99990-200000', 99_990, 99_999],
      ] as const) {
        const response = await ask(target, { headers: { range } });
        const body = Buffer.from(await response.arrayBuffer());
        expect([range, response.status, response.headers.get('content-range')]).toEqual([
          range,
          206,
          `bytes ${first}-${last}/100000`,
        ]);
        expect(body.equals(large.bytes.subarray(first, last + 1))).toBe(true);
        expect(response.headers.get('content-length')).toBe(String(last - first + 1));
      }
    },
  );

  real.test(
    'a range beyond the end is 416 with the size, and one that makes no sense is not looked at',
    async () => {
      const beyond = await ask(target, { headers: { range: 'bytes=100000-' } });
      await beyond.body?.cancel();
      expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */100000']);
      const nonsense = await ask(target, { headers: { range: 'lines=1-2' } });
      expect([nonsense.status, (await nonsense.arrayBuffer()).byteLength]).toEqual([200, 100_000]);
    },
  );
});
