import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { referrersTag } from '@gantry/oci';
import { makeIndex, makeSignature, type MadeManifest } from '@gantry/registry';
import { parse } from 'yaml';
import { helloImage, type Repository } from '../fixtures/build-registry.ts';
import { type DockerRegistry, REGISTRY_ACCOUNT } from '../servers/docker-registry.ts';
import { embeddedConfiguration, gantry, startGantry } from '../servers/gantry.ts';

/** What importers are tried with, beside the tools whose files they read. */

/** `REPOSITORY:TAG` and the digest of each, in order. */
export type Tags = Readonly<Record<string, string>>;

/** Tags that are versions, or nearly: with and without `v`, short ones, before a release, built, with zeros in front. */
const VERSIONS = `0 0.0.3 0.0.4 0.1.0 0.2.3 0.2.9 0.3.0 1 1.0.0 1.1 1.2.3 1.2.4 1.3.0
  1.2.3-0 1.2.3-rc.1 1.2.3-rc.2 1.3.0-0 1.3.0-rc.1 2.0.0-rc.1 2.0.0-alpha 2.0.0
  v1.2.3 v1.2.5 v1.2.5-beta v2 v2.1.0 v2.1.0-rc.1 02.2 3.0.0 10.4.1 3.18-alpine
  1.2.3_build5 1.2.3-rc.1_build5 1.2.x latest v 20240101`.split(/\s+/);
const OTHERS = 'latest dev dev-2 v1 v1.2 v1x2 v1-rc v2-rc1 rc alpine 3-alpine Upper'.split(' ');

/** A few images, so that digests tell tags apart. */
const IMAGES = ['one', 'two', 'three'].map((name) => helloImage(name));

/** What they are asked to copy from. */
export function contentToImport(): Repository[] {
  const platforms = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm64' },
  ] as const;
  const signed = helloImage('signed');
  const index = makeIndex(platforms.map((platform) => helloImage('index', { platform })));
  return [
    { name: 'team/versions', tags: underEach(VERSIONS) },
    { name: 'team/others', tags: underEach(OTHERS) },
    {
      name: 'team/index',
      tags: new Map([
        ['1', index],
        ['2', index],
      ]),
    },
    {
      name: 'team/signed',
      tags: new Map([
        ['1', signed],
        [`${referrersTag(signed.digest)}.sig`, makeSignature('team/signed', signed)],
      ]),
    },
    { name: 'tools', tags: underEach(['latest']) },
    { name: 'tools/a', tags: underEach(['1', '2']) },
    { name: 'tools/deep/b', tags: underEach(['1', 'latest']) },
    { name: 'toolsmith/c', tags: underEach(['1']) },
  ];
}

/** Has Gantry import a file and sync all that comes of it. @returns the candidates and what came with them, and what was said line by line */
export async function importAndSync(
  folder: string,
  words: readonly string[],
  text: string,
): Promise<{ readonly tags: Tags; readonly said: string }> {
  await writeFile(path.join(folder, 'theirs.yml'), text);
  const { code, stdout, stderr } = await gantry(folder, ['config', 'import', ...words, 'theirs.yml']);
  if (code !== 0) throw new Error(`it was not imported:\n${stderr}`);
  const { sources } = parse(stdout) as { sources: { name: string }[] };
  await using serving = await startGantry({
    folder,
    configuration: await embeddedConfiguration({ sources }),
  });
  for (const { name } of sources) {
    const { state, errors } = await serving.api.sync(name);
    if (state !== 'done') throw new Error(`${name} is ${state}: ${JSON.stringify(errors)}\n${serving.log()}`);
  }
  const candidates = await serving.api.candidates();
  return {
    tags: inOrder(
      candidates.flatMap(({ repository, tag, digest, companions }) =>
        [{ tag, digest }, ...companions].map((one) => [`${repository}:${one.tag}`, one.digest] as const),
      ),
    ),
    said: stderr,
  };
}

/** All that a registry has, of which the account is not asked for. */
export async function tagsOf({ url }: DockerRegistry): Promise<Tags> {
  const ask = async (place: string) => (await fetch(`${url}/v2/${place}`)).json();
  const { repositories } = (await ask('_catalog?n=1000')) as { repositories: string[] };
  const found: [string, string][] = [];
  for (const repository of repositories) {
    const { tags } = (await ask(`${repository}/tags/list`)) as { tags: string[] | null };
    for (const tag of tags ?? []) {
      const { headers } = await fetch(`${url}/v2/${repository}/manifests/${tag}`, {
        method: 'HEAD',
        headers: { accept: ACCEPTED },
      });
      found.push([`${repository}:${tag}`, headers.get('docker-content-digest') ?? '']);
    }
  }
  return inOrder(found);
}

/** Where to push what is to be imported from. */
export function asBuilder({ url }: DockerRegistry): { url: string; account: typeof REGISTRY_ACCOUNT } {
  return { url, account: REGISTRY_ACCOUNT };
}

const ACCEPTED = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

function inOrder(tags: readonly (readonly [string, string])[]): Tags {
  return Object.fromEntries(tags.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Each of the images under many tags. */
function underEach(tags: readonly string[]): Map<string, MadeManifest> {
  return new Map(tags.map((tag, index) => [tag, IMAGES[index % IMAGES.length] as MadeManifest]));
}
