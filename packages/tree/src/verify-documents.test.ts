import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Digest, digestOf } from '@gantry/oci';
import { blobPath, indexPath, manifestPath, shardOf } from './paths.ts';
import { encodeRepository } from './repository.ts';
import { encodeRoot } from './root.ts';
import { LAYER, layHistory, ONE, short, SIGNATURE, tamperWith, TWO } from './sample-history.fixture.ts';
import { encodeShard } from './shard.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'gantry-tree-'));
  await layHistory(root);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const { restate, addToPool, publishDocument, httpd, verify } = tamperWith(() => root);

describe('what contradicts itself is found', () => {
  const stray: Digest = `sha256:${'0'.repeat(64)}`;

  test('a tag whose manifest is not there', async () => {
    const document = await httpd();
    await publishDocument('fedora/httpd', { ...document, tags: new Map([['bad', stray]]) });
    const result = await verify();
    expect(result.findings).toMatchObject([
      { kind: 'invalid', severity: 'error', repository: 'fedora/httpd', tag: 'bad' },
    ]);
  });

  test('a blob that no list put into the pool, and that is not there', async () => {
    const document = await httpd();
    const blobs = new Map(document.blobs).set(stray, { size: 3, since: 3 });
    await publishDocument('fedora/httpd', { ...document, blobs });
    expect(short(await verify())).toEqual([`invalid ${blobPath(stray)}`, `missing ${blobPath(stray)}`]);
  });

  test('a size and a serial that the lists contradict', async () => {
    const document = await httpd();
    const digest = digestOf(ONE.layer);
    const blobs = new Map(document.blobs).set(digest, { size: 4, since: 1 });
    await publishDocument('fedora/httpd', { ...document, blobs });
    const result = await verify();
    expect(short(result)).toEqual([`invalid ${LAYER}`, `invalid ${LAYER}`]);
    expect(result.findings.map(({ message }) => message).join()).toMatch(
      /4 bytes.*since serial 1.*lists say 3/s,
    );
  });

  test('a name in the shard of another, and a document of another name', async () => {
    const document = encodeRepository(await httpd()).document;
    const key = shardOf('other') === '00' ? '01' : '00';
    const shard = encodeShard({ repositories: new Map([['other', document.digest]]) });
    const top = encodeRoot({ shards: new Map([[key, shard.digest]]) });
    await addToPool(shard, top);
    await restate({ root: top.digest });
    const messages = (await verify()).findings.map(({ message }) => message);
    expect(messages).toHaveLength(2);
    expect(messages.join('\n')).toMatch(/belongs into.*\n.*names itself "fedora\/httpd"/);
  });

  test('referrers that are not among the manifests', async () => {
    const document = await httpd();
    const manifests = new Map([...document.manifests].filter(([digest]) => digest !== SIGNATURE.digest));
    await publishDocument('fedora/httpd', { ...document, manifests });
    expect((await verify()).findings).toMatchObject([{ kind: 'invalid', repository: 'fedora/httpd' }]);
  });

  test('a blob of a manifest that the repository does not name, and a kind that is another, when looked at', async () => {
    const document = await httpd();
    const blobs = new Map([...document.blobs].filter(([digest]) => digest !== digestOf(ONE.layer)));
    const file = { path: manifestPath('oci-index', TWO.digest), bytes: TWO.manifest };
    await addToPool(file);
    const manifests = new Map(document.manifests).set(TWO.digest, {
      kind: 'oci-index',
      size: TWO.manifest.length,
      since: 3,
    });
    await publishDocument('fedora/httpd', { ...document, blobs, manifests });
    expect((await verify()).errors).toBe(0);
    const messages = (await verify({ deep: true })).findings.map(({ message }) => message);
    expect(messages).toHaveLength(2);
    expect(messages.join('\n')).toContain(`needs the blob ${digestOf(ONE.layer)}`);
    expect(messages.join('\n')).toContain(TWO.digest);
  });

  test('a document that can not be read as one', async () => {
    const bytes = Buffer.from('{"format":9}');
    const file = { path: indexPath(digestOf(bytes)), bytes };
    await addToPool(file);
    await restate({ root: digestOf(bytes) });
    expect(short(await verify())).toEqual([`invalid ${file.path}`]);
  });
});
