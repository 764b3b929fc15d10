import { parseManifest } from '@gantry/oci';
import { openRegistry } from '../client.ts';
import { all } from '../testing/caught.ts';
import { createInProcessRegistry } from './in-process-registry.ts';
import { sampleImages } from './sample-images.ts';

test('the samples are whole, and the same each time', async () => {
  const registry = createInProcessRegistry();
  const samples = sampleImages(registry);
  expect(sampleImages(createInProcessRegistry())).toEqual(samples);
  await using server = await registry.listen();
  await using client = openRegistry({ name: 'samples', url: server.url });
  expect(await all(client.repositories())).toEqual([
    'demo/chart',
    'demo/hello',
    'demo/team/tools',
    'demo/web',
  ]);

  /** Reads a manifest, and all that it names is there. */
  const check = async (repository: string, reference: string): Promise<void> => {
    const { bytes, contentType, digest } = await client.manifest(repository, reference);
    const manifest = parseManifest(bytes, contentType, digest);
    for (const blob of manifest.blobs) {
      const { size, body } = await client.blob(repository, blob.digest);
      body.destroy();
      expect(size).toBe(blob.size);
    }
    for (const child of manifest.manifests) await check(repository, child.digest);
    for (const referrer of (await client.referrers(repository, digest)) ?? []) {
      await check(repository, referrer.digest);
    }
  };
  for (const { repository, tags, digest } of samples) {
    for (const tag of tags) {
      expect((await client.head(repository, tag))?.digest).toBe(digest);
      await check(repository, tag);
    }
  }
  const hello = samples.find(({ repository }) => repository === 'demo/hello');
  const referrers = await client.referrers('demo/hello', hello?.digest ?? 'sha256:');
  expect(referrers?.map(({ artifactType }) => artifactType)).toEqual(['application/spdx+json']);
  expect(await all(client.tags('demo/hello'))).toEqual([
    '1.0',
    'latest',
    `${hello?.digest.replace(':', '-')}.sig`,
  ]);
});
