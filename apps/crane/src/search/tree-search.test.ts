import { rename } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { indexPath, type LaidRepository, layTree, openTree, directoryTree } from '@gantry/tree';
import { ask, sampleImage, startTestCrane, temporaryFolder, testLog, until } from '../crane.fixture.ts';
import type { Crane } from '../crane.ts';
import { isFailure } from './backend.ts';
import { startTreeSearch } from './tree-search.ts';

interface Told {
  readonly num_results: number;
  readonly results: readonly { readonly name: string; readonly description: string }[];
}

async function find(crane: Crane, text: string): Promise<string[]> {
  const response = await ask(crane, `/v1/search?${String(new URLSearchParams({ q: text }))}`);
  if (response.status !== 200) return [`${response.status}`];
  const { results } = (await response.json()) as Told;
  return results.map(({ name, description }) => (description === '' ? name : `${name}: ${description}`));
}

/** A repository whose tags have images with these labels in their configs. */
function labelled(
  name: string,
  tags: Readonly<Record<string, Readonly<Record<string, string>>>>,
): LaidRepository {
  const images = Object.entries(tags).map(([tag, Labels]) => ({ tag, image: labelledImage(Labels) }));
  return {
    name,
    tags: new Map(images.map(({ tag, image }) => [tag, digestOf(image.manifest)])),
    manifests: images.map(({ image }) => image.manifest),
    blobs: images.map(({ image }) => image.config),
  };
}

function labelledImage(
  Labels: Readonly<Record<string, string>>,
  annotations?: Readonly<Record<string, string>>,
) {
  const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', config: { Labels } }));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: digestOf(config),
        size: config.length,
      },
      layers: [],
      ...(annotations !== undefined && { annotations }),
    }),
  );
  return { config, manifest };
}

const DESCRIPTION = 'org.opencontainers.image.description';

test('without crane.search there is nothing to ask', async () => {
  await using folder = await temporaryFolder();
  await layTree(folder.path, { repositories: [] });
  await using crane = await startTestCrane({ tree: folder.path });
  expect((await ask(crane, '/v1/search?q=a')).status).toBe(404);
  expect((await ask(crane, '/v1/_ping')).status).toBe(404);
});

test('names, labels and annotations are found; a new serial changes just what it changed', async () => {
  await using folder = await temporaryFolder();
  const logger = testLog();
  const web = labelled('web/httpd', {
    latest: { [DESCRIPTION]: 'Apache' },
    old: { [DESCRIPTION]: 'Stone age' },
  });
  const tools = labelled('tools/jq', { '1.7': { summary: 'Sifts JSON' }, '1.6': { summary: 'Slower' } });
  await layTree(folder.path, { repositories: [web, tools] });
  await using crane = await startTestCrane({
    tree: folder.path,
    search: { tags: 2, labels: [] },
    logger,
  });
  await until(async () => (await find(crane, 'apache')).join() === 'web/httpd: Apache');
  expect(await find(crane, 'sifts')).toEqual(['tools/jq: Sifts JSON']);
  expect(await find(crane, 'stone')).toEqual([]);
  expect((await ask(crane, '/v1/_ping')).status).toBe(200);
  const indexed = () =>
    logger.lines.filter(({ message }) => message === `the search is at serial ${crane.serial()}`);
  await until(() => indexed().length === 1);

  const newer = labelled('web/httpd', { latest: { [DESCRIPTION]: 'Nine lives' } });
  const added = labelled('web/caddy', { latest: {} });
  await layTree(folder.path, { repositories: [newer, added] });
  await crane.refresh();
  await until(() => crane.serial() === 2 && indexed().length === 1);
  expect(await find(crane, 'web')).toEqual(['web/caddy', 'web/httpd: Nine lives']);
  expect(await find(crane, 'apache')).toEqual([]);
  expect(await find(crane, 'sifts')).toEqual([]);
});

test('an index says it for its images, the newest tag that says something for the others', async () => {
  await using folder = await temporaryFolder();
  const { config, manifest } = labelledImage({ [DESCRIPTION]: 'of the image', vendor: 'Acme' });
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      annotations: { [DESCRIPTION]: 'of the index' },
      manifests: [
        {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          digest: digestOf(manifest),
          size: manifest.length,
        },
      ],
    }),
  );
  const silent = sampleImage();
  await layTree(folder.path, {
    repositories: [
      { name: 'multi', tags: { latest: digestOf(index) }, manifests: [manifest, index], blobs: [config] },
      {
        name: 'silent',
        tags: { '2': silent.digest, '1': digestOf(manifest) },
        manifests: [silent.manifest, manifest],
        blobs: [config, ...silent.blobs],
      },
    ],
  });
  await using crane = await startTestCrane({ tree: folder.path, search: { tags: 2, labels: [] } });
  await until(async () => (await find(crane, 'acme')).length === 2);
  expect(await find(crane, 'acme')).toEqual(['multi: of the index', 'silent: of the image']);
});

test('what can not be read is found by its name, told of, and read with the next serial', async () => {
  await using folder = await temporaryFolder();
  const logger = testLog();
  const web = labelled('web/httpd', { latest: { [DESCRIPTION]: 'Apache' } });
  await layTree(folder.path, { repositories: [web] });
  const view = await openTree(directoryTree(folder.path));
  const digest = await view?.repositoryDigest('web/httpd');
  if (digest === undefined) throw new Error('nothing was laid');
  const document = path.join(folder.path, indexPath(digest));
  await rename(document, `${document}.lost`);
  await using crane = await startTestCrane({ tree: folder.path, search: { tags: 2, labels: [] }, logger });
  const warnings = () => logger.lines.filter(({ message }) => message.startsWith('what is said of some'));
  await until(() => warnings().length === 1);
  expect(await find(crane, 'httpd')).toEqual(['web/httpd']);

  await rename(`${document}.lost`, document);
  await layTree(folder.path, { repositories: [web, labelled('web/caddy', { latest: {} })] });
  await crane.refresh();
  await until(async () => (await find(crane, 'apache')).length === 1);
});

test('before the first serial nothing is found; a crane ends in the middle of its work', async () => {
  await using folder = await temporaryFolder();
  await using crane = await startTestCrane({ tree: folder.path, search: { tags: 1, labels: [] } });
  expect(await find(crane, 'a')).toEqual([]);
  await layTree(folder.path, {
    repositories: Array.from({ length: 300 }, (_, number) => labelled(`many/${number}`, { latest: {} })),
  });
  await crane.refresh();
});

const search = (directory: string, logger = testLog()) => ({
  logger,
  searching: startTreeSearch({ place: { directory }, tags: 1, labels: [] }, logger),
});
const laid = async (directory: string) => {
  await layTree(directory, { repositories: [labelled('app', { latest: {} })] });
  const view = await openTree(directoryTree(directory));
  if (view === undefined) throw new Error('nothing was laid');
  return view;
};

describe('the thread', () => {
  test('tells of a serial that it can not read, and looks through the one before', async () => {
    await using folder = await temporaryFolder();
    const view = await laid(folder.path);
    const { searching, logger } = search(folder.path);
    await using _ = searching;
    searching.follow(view);
    await until(async () => !isFailure(await searching.find('app')));
    searching.follow({ ...view, statement: { ...view.statement, serial: 9 } });
    await until(() =>
      logger.lines.some(({ message }) => message.startsWith('the search stays at an earlier')),
    );
    expect(await searching.find('app')).toEqual([{ name: 'app', description: '' }]);
  });

  test('does so much at a time, and who waits for it when it ends is told', async () => {
    await using folder = await temporaryFolder();
    const view = await laid(folder.path);
    const { searching } = search(folder.path);
    searching.follow(view);
    await until(async () => !isFailure(await searching.find('app')));
    const asked = Array.from({ length: 51 }, () => searching.find('app'));
    expect(await asked.at(-1)).toMatchObject({ status: 503, message: 'too many are searching just now' });
    await searching[Symbol.asyncDispose]();
    searching.follow(view);
    expect(await searching.find('app')).toMatchObject({ message: 'the search is out of order' });
    for (const found of await Promise.all(asked)) expect(isFailure(found) || found.length === 1).toBe(true);
  });

  test('that dies is told of, and pulls go on without it', async () => {
    const logger = testLog();
    const place = { url: 'no URL' };
    await using searching = startTreeSearch({ place, tags: 1, labels: [] }, logger);
    await until(() => logger.lines.some(({ message }) => message.startsWith('the search ended')));
    expect(await searching.find('app')).toEqual({ status: 503, message: 'the search is out of order' });
  });
});
