import type { Digest } from '@gantry/oci';
import { makeImage, makeIndex, makeLayer, makeSbom, makeSignature } from '@gantry/registry';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { ban, purge, REASON } from '../take-back/purge.fixture.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };
const secret = makeLayer([{ path: 'id_rsa', content: 'secret' }]);
const own = makeLayer([{ path: 'own', content: 'own' }]);
const clean = makeImage({ platform: amd64, layers: [own] });
const leaky = makeImage({ platform: arm64, layers: [own, secret] });
const index = makeIndex([clean, leaky]);

/** A registry in which `app:bad` holds a secret, and `app:good` does not. */
async function openUpstream(): Promise<FlowFixture> {
  const fixture = await openFlow();
  fixture.upstream.push('app', index, 'bad');
  fixture.upstream.push('app', clean, 'good');
  return fixture;
}
const tagsOf = async ({ flow }: FlowFixture) =>
  (await flow.catalog.candidates.list({ limit: 10 })).items.map(({ tag }) => tag).toSorted();
const fetched = ({ upstream }: FlowFixture) =>
  upstream.requests
    .filter(({ method, path }) => method === 'GET' && /\/(?:blobs|manifests)\//.test(path))
    .map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
const problemOf = (digest: Digest, name: string) => ({
  item: 'app:bad',
  problem: expect.objectContaining({
    type: 'urn:gantry:problem:purged',
    detail: `${name === digest ? digest : `${name} holds ${digest}, which`} was purged by admin on 2026-11-21 and is kept out: ${REASON}`,
  }),
});

describe('a sync of what was purged', () => {
  test('fails the tag whose layer it is, by name, and takes the others; nothing of it is fetched', async () => {
    await using fixture = await openUpstream();
    await ban(fixture, secret.digest);
    const { state, errors, failures } = await fixture.sync();
    expect(state).toBe('partial');
    expect(errors).toEqual([problemOf(secret.digest, leaky.digest)]);
    expect(failures).toMatchObject([{ tag: 'bad', retry: false }]);
    expect(await tagsOf(fixture)).toEqual(['good']);
    expect(fetched(fixture)).not.toContain(secret.digest);
  });

  test('asks for neither the manifest that was purged nor anything below it', async () => {
    await using fixture = await openUpstream();
    await ban(fixture, index.digest);
    const { errors } = await fixture.sync();
    expect(errors).toEqual([problemOf(index.digest, index.digest)]);
    expect(fetched(fixture).toSorted()).toEqual(
      [clean, ...clean.blobs].map(({ digest }) => digest).toSorted(),
    );
    expect(await fixture.flow.store.stat(leaky.digest)).toBeUndefined();
  });

  test('after it was there and was taken out brings nothing of it back, however often', async () => {
    await using fixture = await openUpstream();
    await fixture.sync();
    expect(await tagsOf(fixture)).toEqual(['bad', 'good']);
    await purge(fixture, secret.digest);
    fixture.upstream.forgetRequests();
    for (let time = 0; time < 2; time++) {
      expect((await fixture.sync()).errors).toEqual([problemOf(secret.digest, leaky.digest)]);
      expect(await fixture.flow.store.stat(secret.digest)).toBeUndefined();
    }
    // The manifests' bytes are still in the store: not even those are asked for.
    expect(fetched(fixture)).toEqual([]);
    expect(await tagsOf(fixture)).toEqual(['good']);
  });

  test('counts also when it was purged while the sync went on', async () => {
    let fixture: FlowFixture | undefined;
    let banned: Promise<unknown> | undefined;
    await using opened = await openFlow({
      intercept: (request, response) => {
        if (fixture === undefined || !(request.url ?? '').endsWith(secret.digest)) return false;
        // Banned as its bytes are asked for: they come, and must not stay.
        banned ??= ban(fixture, secret.digest);
        void banned.then(() =>
          response.writeHead(200, { 'content-length': secret.bytes.length }).end(secret.bytes),
        );
        return true;
      },
    });
    fixture = opened;
    opened.upstream.push('app', index, 'bad');
    opened.upstream.push('app', clean, 'good');
    const { errors } = await opened.sync();
    expect(fetched(opened)).toContain(secret.digest);
    expect(errors).toEqual([problemOf(secret.digest, leaky.digest)]);
    expect(await opened.flow.store.stat(secret.digest)).toBeUndefined();
    expect(await opened.flow.catalog.manifests.get(leaky.digest)).toBeUndefined();
    expect(await tagsOf(opened)).toEqual(['good']);
  });

  test('leaves out a signature and a referrer, and takes the image that they belong to', async () => {
    await using fixture = await openFlow();
    const [signature, sbom, other] = [
      makeSignature('app', clean),
      makeSbom(clean, 'purged'),
      makeSbom(clean, 'stays'),
    ];
    fixture.upstream.push('app', clean, 'good');
    fixture.upstream.push('app', signature, `${clean.digest.replace(':', '-')}.sig`);
    for (const one of [sbom, other]) fixture.upstream.push('app', one);
    await ban(fixture, signature.digest);
    await ban(fixture, sbom.digest);
    expect(await fixture.sync()).toMatchObject({ state: 'done', errors: [] });
    const candidate = await fixture.flow.catalog.candidates.current('app', 'good');
    expect(candidate).toMatchObject({ companions: [], referrers: [other.digest] });
    for (const { digest } of [signature, sbom]) expect(fetched(fixture)).not.toContain(digest);
  });

  test('takes the platforms that are wanted where another one was purged', async () => {
    await using fixture = await openUpstream();
    await ban(fixture, leaky.digest);
    expect((await fixture.sync({}, { platforms: ['linux/amd64'] })).state).toBe('done');
    expect(await tagsOf(fixture)).toEqual(['bad', 'good']);
  });

  test('looks whether anything was purged once, as long as nothing was', async () => {
    await using fixture = await openUpstream();
    const { purges } = fixture.flow.catalog;
    const asked = { some: 0, get: 0 };
    Object.assign(fixture.flow.catalog, {
      purges: {
        ...purges,
        some: () => (asked.some++, purges.some()),
        get: (digest: Digest) => (asked.get++, purges.get(digest)),
      },
    });
    await fixture.sync();
    expect(asked).toEqual({ some: 1, get: 0 });
  });
});
