import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { directoryTree } from './directory-source.ts';
import { httpTree } from './http-source.ts';
import { readSigningKey } from './keys.ts';
import { layTree } from './lay-tree.ts';
import { formatList, parseList } from './lists.ts';
import { contentTypeOf, indexPath, listPath, POINTER_PATH, serialPath } from './paths.ts';
import {
  layHistory,
  LAYER,
  MANIFEST,
  NOW,
  ONE,
  PUBLISHED,
  short,
  tamperWith,
} from './sample-history.fixture.ts';
import { sampleImage, sampleRepository } from './sample-content.fixture.ts';
import { serve, serveTree } from './serving.fixture.ts';
import { verifyTree } from './verify.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'gantry-levels-'));
  await layHistory(root);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const { put, get, view, documentPath, restate, verify } = tamperWith(() => root);

describe('by the roots', () => {
  test('the pointer, the root and its shards are looked at, and nothing else', async () => {
    const { shards } = await view();
    const result = await verify({ roots: true });
    expect(result).toMatchObject({ level: 'roots', errors: 0, objects: 1 + shards.size });
    await unlink(path.join(root, LAYER));
    await unlink(path.join(root, await documentPath('fedora/httpd')));
    expect((await verify({ roots: true })).errors).toBe(0);
  });

  test('a shard that was changed is named', async () => {
    const [shard] = (await view()).shards.values();
    const file = indexPath(shard ?? digestOf(''));
    await put(file, '{}');
    expect(short(await verify({ roots: true }))).toEqual([`corrupt ${file}`]);
  });

  test('newer statements than the pointer is at are told of, as it may have been put back', async () => {
    await put(POINTER_PATH, await get(serialPath(1)));
    const newer = [`extra ${serialPath(2)}`, `extra ${serialPath(3)}`];
    const result = await verify({ roots: true });
    expect(short(result)).toEqual(newer);
    expect(result).toMatchObject({ errors: 0, warnings: 2, statement: { serial: 1 } });
    expect(result.findings[0]?.message).toMatch(/is above serial 1, .* or the pointer was put back$/);
    expect(short(await verify())).toEqual(expect.arrayContaining(newer));
    await put(serialPath(2), 'x'); // no statement
    expect(short(await verify({ roots: true }))).toEqual([`extra ${serialPath(3)}`]);
    await using server = await serveTree(root);
    expect(short(await verifyTree(httpTree(`${server.url}/tree`), { ...NOW, roots: true }))).toEqual([]);
    expect(server.requests.filter((request) => request.includes('/serial/0'))).toEqual([
      `GET /tree/${serialPath(1)}`,
    ]);
  });

  test('beside an equal tree just one of them is read, and its equality is told before anything else is', async () => {
    await using server = await serveTree(root);
    const equal: (boolean | undefined)[] = [];
    const result = await verify({
      roots: true,
      against: httpTree(`${server.url}/tree`),
      onProgress: ({ isEqual }) => void equal.push(isEqual),
    });
    expect(result).toMatchObject({ errors: 0, against: { isEqual: true, serial: 3 } });
    expect(equal[0]).toBe(true);
    expect(server.requests).toEqual([`GET /tree/${POINTER_PATH}`]);
  });

  test('beside another one only what differs is read', async () => {
    const other = await mkdtemp(path.join(tmpdir(), 'gantry-other-'));
    try {
      await layHistory(other);
      const repositories = [sampleRepository('constructor', { parts: ONE, more: sampleImage('more') })];
      await layTree(other, { repositories, publishedMs: PUBLISHED });
      await using server = await serveTree(other);
      const { findings, against } = await verify({ roots: true, against: httpTree(`${server.url}/tree`) });
      expect(against).toMatchObject({ isEqual: false, serial: 4 });
      expect(findings.map(({ kind, repository, tag }) => `${kind} ${repository ?? ''}:${tag ?? ''}`)).toEqual(
        expect.arrayContaining(['stale :', 'different constructor:more', 'different fedora/httpd:latest']),
      );
      expect(server.requests.filter((request) => /\/(?:blobs|manifests|lists)\//.test(request))).toEqual([]);
    } finally {
      await rm(other, { recursive: true });
    }
  });
});

describe('an earlier serial', () => {
  test('is verified as long as it is kept, with what it reaches', async () => {
    const result = await verify({ serial: 1, deep: true });
    expect(result).toMatchObject({ errors: 0, warnings: 0, statement: { serial: 1 } });
    expect(result.objects).toBeLessThan((await verify({ deep: true })).objects);
    // What only later ones reach is of no interest.
    await unlink(path.join(root, MANIFEST));
    expect((await verify({ serial: 1, deep: true })).errors).toBe(0);
  });

  test('that lacks something says what', async () => {
    const lists = (await get(listPath(1))).toString();
    const blob = /pool\/blobs\S+/.exec(lists)?.[0] ?? '';
    await unlink(path.join(root, blob));
    expect(short(await verify({ serial: 1 }))).toEqual([`missing ${blob}`]);
  });

  test('that is not in the history is not kept', async () => {
    expect(short(await verify({ serial: 9 }))).toEqual([`not-kept ${serialPath(9)}`]);
  });

  test.each([
    ['whole', /pool\/\S+/g],
    ['in part', /pool\/blobs\/\S+/],
  ])('that was collected %s is not kept any longer, and no more is said of it', async (_, collected) => {
    const paths = (await get(listPath(1))).toString().match(collected) ?? [];
    const lines = parseList(await get(listPath(3)), 'the list');
    const list = formatList([...lines, ...paths.map((file) => ({ op: '-' as const, path: file }))]);
    await put(listPath(3), list);
    await restate({ list: digestOf(list) });
    for (const file of paths) await unlink(path.join(root, file));
    const result = await verify({ serial: 1, deep: true });
    expect(short(result)).toEqual([`not-kept ${serialPath(1)}`]);
    expect(result.findings[0]?.message).toMatch(/^serial 1 is not kept any longer, or not whole: pool\//);
  });
});

describe('what was seen before', () => {
  test.each([
    ['a higher serial is a rollback', { serial: 4 }, ['rollback']],
    ['another tree is one', { serial: 1, tree: 'another' }, ['other-tree']],
    ['the same serial with other bytes is a fork', { serial: 3, digest: digestOf('x') }, ['fork']],
    ['a lower serial is right', { serial: 2, tree: 'tree-laid-from-memory', digest: digestOf('x') }, []],
  ])('%s', async (_, seen, kinds) => {
    const { findings } = await verify({ roots: true, seen });
    expect(findings.map(({ kind }) => kind)).toEqual(kinds);
  });

  test('a serial that is older than it may be is frozen, before it has expired', async () => {
    const nowMs = PUBLISHED + 3 * 86_400_000;
    expect(short(await verify({ roots: true, nowMs, maxAgeMs: 86_400_000 }))).toEqual([
      `frozen ${POINTER_PATH}`,
    ]);
    expect((await verify({ roots: true, nowMs, maxAgeMs: 4 * 86_400_000 })).errors).toBe(0);
  });
});

test('the tree that it is held to has to be signed by the same keys', async () => {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const key = readSigningKey(pem, 'of the test');
  const other = await mkdtemp(path.join(tmpdir(), 'gantry-signed-'));
  try {
    const repositories = [sampleRepository('a', { x: ONE })];
    await layTree(other, { repositories, publishedMs: PUBLISHED, signing: [key] });
    const trustedKeys = [key];
    const against = directoryTree(root);
    const result = await verifyTree(directoryTree(other), { ...NOW, trustedKeys, against });
    expect(result.findings).toMatchObject([{ kind: 'unsigned', severity: 'error' }]);
    expect(result.findings[0]?.message).toContain(root);
    expect(result.against).toMatchObject({ isEqual: false });
  } finally {
    await rm(other, { recursive: true });
  }
});

describe('serials that are mixed', () => {
  test('a cache that gives the current pointer and an old one in turn', async () => {
    const source = directoryTree(root);
    let asked = 0;
    await using server = await serve(async (request, response) => {
      const file = (request.url ?? '').slice(1);
      const wanted = file === POINTER_PATH && asked++ % 2 === 1 ? serialPath(2) : file;
      const bytes = await source.read(wanted, 1_000_000);
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    });
    const result = await verifyTree(httpTree(server.url), { ...NOW, roots: true });
    expect(short(result)).toEqual([`mixed ${POINTER_PATH}`]);
    expect(result.findings[0]?.message).toContain('serial 3, and then as serial 2');
  });

  test('a pointer that was copied without its content', async () => {
    const lines = (await get(listPath(3))).toString().split('\n');
    const added = lines.map((line) => line.split(' ')[3] ?? '').filter((file) => file !== '');
    for (const file of added) await unlink(path.join(root, file));
    const { findings } = await verify();
    const mixed = findings.filter(({ kind }) => kind === 'mixed');
    expect(mixed).toMatchObject([{ path: POINTER_PATH, severity: 'error' }]);
    expect(mixed[0]?.message).toContain('before serial 3');
    expect(findings.filter(({ kind }) => kind === 'missing')).toHaveLength(added.length);
  });

  test('a list that is that of another serial', async () => {
    await put(listPath(3), await get(listPath(2)));
    expect(short(await verify())).toEqual([`mixed ${listPath(3)}`]);
  });
});

/** A web server that serves the tree with other headers. */
const answering = (change: (file: string, offersGzip: boolean) => Record<string, string>, ranges = true) =>
  serve(async (request, response) => {
    const file = (request.url ?? '').slice(1);
    const bytes = await directoryTree(root).read(file, 1_000_000);
    if (bytes === undefined) {
      response.writeHead(404).end();
      return;
    }
    const part = ranges && request.headers.range !== undefined;
    const end = Number(/-(\d+)$/.exec(request.headers.range ?? '')?.[1] ?? 0) + 1;
    response.writeHead(part ? 206 : 200, {
      'content-type': contentTypeOf(file) ?? '',
      ...change(file, request.headers['accept-encoding']?.includes('gzip') === true),
    });
    response.end(request.method === 'HEAD' ? undefined : part ? bytes.subarray(0, end) : bytes);
  });

const deeply = (url: string) => verifyTree(httpTree(url), { ...NOW, deep: true });

describe('how a web server answers clients is looked at', () => {
  test('compressed for those who offer it: an error for each manifest, and blobs of a sample', async () => {
    await using server = await answering((file, offersGzip) =>
      offersGzip && file.startsWith('pool/') ? { 'content-encoding': 'gzip' } : {},
    );
    const { findings } = await deeply(server.url);
    const encoded = findings.filter(({ severity }) => severity === 'error');
    expect(new Set(encoded.map(({ kind }) => kind))).toEqual(new Set(['wrong-header']));
    expect(encoded.map((finding) => finding.path)).toEqual(expect.arrayContaining([MANIFEST, LAYER]));
  });

  test('no ranges, no lengths, a pointer that is kept for a day: warnings', async () => {
    await using server = await answering(
      (file) => (file === POINTER_PATH ? { 'cache-control': 'max-age=86400' } : {}),
      false,
    );
    const result = await deeply(server.url);
    expect(result).toMatchObject({ errors: 0, counts: { 'wrong-header': result.warnings } });
    const messages = result.findings.map(({ message }) => message).join('\n');
    expect(messages).toMatch(/"max-age=86400".*seen late/);
    expect(messages).toMatch(/came as 200: a pull that was cut off begins anew/);
    expect(messages).toContain('without a Content-Length');
  });
});
