import { type Descriptor, type Digest, digestOf, MANIFEST_MEDIA_TYPES, parseManifest } from '@gantry/oci';
import { directoryTree, type LaidRepository, layTree, openTree, type TreeSource } from '@gantry/tree';
import { temporaryFolder } from '../crane.fixture.ts';
import type { Repository } from '../repositories/repository.ts';
import { packRepository, PackedRepository } from '../repositories/packed-repository.ts';
import { describeTags, MAX_READS } from './describe-tags.ts';
import { createFactsReader, type FactsReader } from './manifest-facts.ts';

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';

interface Laid extends AsyncDisposable {
  readonly repository: Repository;
  readonly reader: FactsReader;
  /** What was read of the tree. */
  readonly reads: string[];
}

async function lay(content: Omit<LaidRepository, 'name'>): Promise<Laid> {
  const folder = await temporaryFolder();
  await layTree(folder.path, { repositories: [{ name: 'app', ...content }] });
  const tree = directoryTree(folder.path);
  const reads: string[] = [];
  const source: TreeSource = {
    ...tree,
    name: tree.name,
    read: (path, limit) => {
      reads.push(path);
      return tree.read(path, limit);
    },
  };
  const view = await openTree(tree);
  const document = await view?.repository('app');
  if (document === undefined) throw new Error('it was laid');
  const repository = new PackedRepository(packRepository(document));
  return {
    repository,
    reader: createFactsReader(source),
    reads,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

function descriptor(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function image(config: Uint8Array, annotations: object = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
      config: descriptor(CONFIG_TYPE, config),
      layers: [],
      annotations,
    }),
  );
}

function index(children: readonly (readonly [Uint8Array, object?])[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPES['oci-index'],
      manifests: children.map(([bytes, platform]) => ({
        ...descriptor(MANIFEST_MEDIA_TYPES['oci-manifest'], bytes),
        platform,
      })),
    }),
  );
}

const configOf = (architecture: string) => Buffer.from(JSON.stringify({ os: 'linux', architecture }));
const nothingWrong = (error: unknown) => {
  throw error;
};

test('each document is read once while it is remembered', async () => {
  const config = configOf('arm');
  const [plain, child] = [image(config), image(configOf('amd64'))];
  const list = index([[child, { os: 'linux', architecture: 'arm', variant: 'v7' }], [plain]]);
  const empty = index([]);
  await using laid = await lay({
    tags: { plain: digestOf(plain), list: digestOf(list), empty: digestOf(empty) },
    manifests: [plain, child, list, empty],
    blobs: [config, configOf('amd64')],
  });
  const first = await describeTags(
    ['list', 'plain', 'empty', 'none'],
    laid.repository,
    laid.reader,
    nothingWrong,
  );
  expect(first.map(({ tag, platforms }) => [tag, platforms])).toEqual([
    [
      'list',
      [
        { platform: 'linux/arm/v7', contentBytes: configOf('amd64').length },
        { platform: 'any', contentBytes: config.length },
      ],
    ],
    ['plain', [{ platform: 'linux/arm', contentBytes: config.length }]],
    ['empty', []],
  ]);
  expect(laid.reads).toHaveLength(5);
  expect(await describeTags(['list', 'plain', 'empty'], laid.repository, laid.reader, nothingWrong)).toEqual(
    first,
  );
  expect(laid.reads).toHaveLength(5);
});

test(`a page reads ${MAX_READS} documents at the most, and tells the rest without sizes`, async () => {
  const config = configOf('amd64');
  const tags: Record<string, Digest> = {};
  const manifests: Buffer[] = [];
  for (let tag = 0; tag < 10; tag++) {
    const children = Array.from({ length: 50 }, (_, at) =>
      image(config, { tag: String(tag), at: String(at) }),
    );
    const list = index(children.map((child, at) => [child, { os: 'linux', architecture: `a${at}` }]));
    tags[`t${tag}`] = digestOf(list);
    manifests.push(...children, list);
  }
  await using laid = await lay({ tags, manifests, blobs: [config] });
  const described = await describeTags(Object.keys(tags), laid.repository, laid.reader, nothingWrong);
  expect(laid.reads).toHaveLength(MAX_READS);
  expect(described.map(({ platforms, hasMore }) => [platforms.length, hasMore])).toEqual(
    Array.from({ length: 10 }, () => [40, true]),
  );
  const sized = described
    .flatMap(({ platforms }) => platforms)
    .filter((one) => one.contentBytes !== undefined);
  expect(sized).toHaveLength(MAX_READS - 10);
});

test('what is too large, tells no platform, or is too long to show', async () => {
  const nameless = Buffer.from('{"rootfs":{}}');
  const big = Buffer.alloc(200_000, ' ');
  const manifests = {
    huge: image(nameless, { filling: 'x'.repeat(600_000) }),
    nameless: image(nameless, { 'org.opencontainers.image.description': 'long '.repeat(100) }),
    bigConfig: image(big),
  };
  await using laid = await lay({
    tags: Object.fromEntries(Object.entries(manifests).map(([tag, bytes]) => [tag, digestOf(bytes)])),
    manifests: Object.values(manifests),
    blobs: [nameless, big],
  });
  const described = await describeTags(Object.keys(manifests), laid.repository, laid.reader, nothingWrong);
  expect(described).toEqual([
    { tag: 'huge', digest: digestOf(manifests.huge), platforms: [], hasMore: false, hasReferrers: false },
    expect.objectContaining({
      description: `${'long '.repeat(60)}…`,
      platforms: [{ platform: 'any', contentBytes: nameless.length }],
    }),
    expect.objectContaining({ platforms: [{ platform: 'any', contentBytes: big.length }] }),
  ]);
  expect(laid.reads).toHaveLength(3);
  expect(parseManifest(manifests.huge).size).toBeGreaterThan(600_000);
});
