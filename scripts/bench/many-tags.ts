import { MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { inParallel } from '../../test/fixtures/in-parallel.ts';
import { type PushTarget, pushBlob, pushManifest } from '../../test/fixtures/push.ts';
import { startDockerRegistry } from '../../test/servers/docker-registry.ts';
import type { Result } from './results.ts';
import { inFolder, timeGantry } from './sync.ts';

const FEW = 1000;
const MANY = 10_000;

/** A sync without a change of a repository of 10,000 tags, beside one of 1,000: its time should grow as the tags do. */
export async function benchManyTags(): Promise<Result[]> {
  const few = await timeSame(FEW);
  const many = await timeSame(MANY);
  return [
    {
      name: `sync without a change, ${MANY} tags`,
      unit: 's',
      gantry: many,
      peer: `${FEW} tags, times ${MANY / FEW}`,
      peerValue: few * (MANY / FEW),
      ratio: many / (few * (MANY / FEW)),
    },
  ];
}

async function timeSame(tags: number): Promise<number> {
  await using upstream = await startDockerRegistry();
  await fill(upstream, tags);
  const { sameS } = await inFolder((folder) => timeGantry(upstream.url, folder));
  return sameS;
}

/** One repository of so many tags, each of a manifest of its own, all of one empty layer. */
async function fill(target: PushTarget, tags: number): Promise<void> {
  const repository = 'bench/many-tags';
  const config = Buffer.from(
    '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}',
  );
  const digest = await pushBlob(target, repository, config);
  const mediaType = MANIFEST_MEDIA_TYPES['oci-manifest'];
  await inParallel(Array(tags).keys(), 8, async (number) => {
    const manifest = {
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: config.length },
      layers: [],
      annotations: { 'org.opencontainers.image.version': String(number) },
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    await pushManifest(target, repository, { bytes, mediaType }, `v${number}`);
  });
}
