import { mkdtemp, rm, symlink, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digestOf, Fault } from '@gantry/oci';
import { directoryTree } from './directory-source.ts';
import { httpTree } from './http-source.ts';
import { layTree } from './lay-tree.ts';
import { formatList, parseList, replay } from './lists.ts';
import { openTree } from './open-tree.ts';
import {
  blobPath,
  fullListPath,
  indexPath,
  listPath,
  manifestPath,
  POINTER_PATH,
  serialPath,
  shardOf,
} from './paths.ts';
import {
  LAYER,
  layHistory,
  MANIFEST,
  NOW,
  ONE,
  PUBLISHED,
  short,
  tamperWith,
} from './sample-history.fixture.ts';
import { sampleRepository } from './sample-content.fixture.ts';
import { serve, serveTree } from './serving.fixture.ts';
import { verifyTree, type VerifyOptions } from './verify.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'gantry-tree-'));
  await layHistory(root);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const { put, get, view, documentPath, restate, httpd, verify } = tamperWith(() => root);

describe('a whole tree', () => {
  test.each([{ deep: false }, { deep: true }])('is found whole in a directory, %j', async (options) => {
    const progress: number[] = [];
    const result = await verify({ ...options, onProgress: ({ objects }) => void progress.push(objects) });
    expect(result.findings).toEqual([]);
    expect(result).toMatchObject({ errors: 0, warnings: 0, statement: { serial: 3 } });
    const lists = [1, 2, 3].map(async (serial) => ({
      serial,
      lines: parseList(await get(listPath(serial)), 'a list'),
    }));
    const pool = replay(await Promise.all(lists));
    expect(result.objects).toBe(pool.size);
    expect(progress.at(-1)).toBe(pool.size);
    const total = [...pool.values()].reduce((sum, { size }) => sum + size, 0);
    // A deep verification reads everything, the other one documents only.
    expect(result.bytes >= total).toBe(options.deep);
  });

  test.each([{ deep: false }, { deep: true }])('is found whole on a web server, %j', async (options) => {
    await using server = await serveTree(root);
    const result = await verifyTree(httpTree(`${server.url}/tree`), { ...NOW, ...options });
    expect(result.findings).toEqual([]);
    expect(result.objects).toBe((await verify()).objects);
  });

  test('is found whole when its maps are split and its replay begins with a full list', async () => {
    const tags = Object.fromEntries(Array.from({ length: 4097 }, (_, at) => [`v${at}`, ONE]));
    await layTree(root, { repositories: [sampleRepository('large', tags)], publishedMs: PUBLISHED });
    const lists = [1, 2, 3].map(async (serial) => ({
      serial,
      lines: parseList(await get(listPath(serial)), 'it'),
    }));
    const pool = replay(await Promise.all(lists));
    const full = formatList(
      [...pool].map(([file, { size, sha256 }]) => ({ op: '+', size, sha256, path: file })),
    );
    await put(fullListPath(3), full);
    await restate({ full: { serial: 3, digest: digestOf(full) } });
    await unlink(path.join(root, listPath(1)));
    const result = await verify({ deep: true });
    expect(result.findings).toEqual([]);
    expect(result.objects).toBeGreaterThan(256);
  });
});

describe('what is wrong with a file of the tree is found', () => {
  const cases: [string, () => Promise<void>, VerifyOptions, () => Promise<string[]>][] = [
    ['an absent blob', () => unlink(path.join(root, LAYER)), {}, async () => [`missing ${LAYER}`]],
    ['an absent manifest', () => unlink(path.join(root, MANIFEST)), {}, async () => [`missing ${MANIFEST}`]],
    ['a longer blob', () => put(LAYER, 'longer'), {}, async () => [`wrong-size ${LAYER}`]],
    [
      'other bytes of a blob, when looked at',
      () => put(LAYER, 'eno'),
      { deep: true },
      async () => [`corrupt ${LAYER}`],
    ],
    [
      'other bytes of a manifest, when looked at',
      async () =>
        put(MANIFEST, (await get(MANIFEST)).toString().replace('amd64', 'arm64').replace('sha256', 'SHA256')),
      { deep: true },
      async () => [`corrupt ${MANIFEST}`],
    ],
  ];
  test.each(cases)('%s', async (_, damage, options, expected) => {
    const wanted = await expected();
    await damage();
    const result = await verify(options);
    expect(short(result)).toEqual(wanted);
    expect(result.errors).toBe(1);
  });

  test('other bytes of the same length pass when only sizes are compared', async () => {
    await put(LAYER, 'eno');
    expect((await verify()).errors).toBe(0);
  });

  test('an absent document hides what is below it, and is named with its repository', async () => {
    const file = await documentPath('fedora/httpd');
    await unlink(path.join(root, file));
    const result = await verify();
    expect(short(result)).toEqual([`missing ${file}`]);
    expect(result.findings[0]?.message).toContain('"fedora/httpd"');
  });

  test('other bytes of a document, a shard or the root', async () => {
    const { shards, statement } = await view();
    const shard = indexPath(shards.get(shardOf('fedora/httpd')) ?? statement.root);
    for (const file of [await documentPath('fedora/httpd'), shard, indexPath(statement.root)]) {
      const bytes = await get(file);
      await put(file, bytes.toString().replace('"format":1', '"format":2'));
      expect(short(await verify())).toEqual([`corrupt ${file}`]);
      await put(file, bytes);
    }
    expect((await verify()).errors).toBe(0);
  });

  test('other bytes of a document that only an earlier serial reaches, when looked at', async () => {
    const earlier = await openTree(directoryTree(root), { serial: 1 });
    const file = indexPath(earlier?.statement.root ?? digestOf(''));
    await put(file, (await get(file)).toString().replace('shards', 'SHARDS'));
    expect((await verify()).errors).toBe(0);
    expect(short(await verify({ deep: true }))).toEqual([`corrupt ${file}`]);
  });

  test('other bytes of a referrers document', async () => {
    const list = (await httpd()).referrers.get(ONE.digest);
    const file = indexPath(list ?? digestOf(''));
    await put(file, '{}');
    expect(short(await verify())).toEqual([`corrupt ${file}`]);
  });

  test('nothing, in the folder of what a publisher has not finished', async () => {
    await put('.tmp/1234/half-a-blob', 'half');
    await symlink('/nowhere', path.join(root, '.tmp', 'link'));
    await put('.tmpfile', 'stray');
    expect(short(await verify())).toEqual(['extra .tmpfile']);
  });

  test('a link in place of a file', async () => {
    await put('elsewhere', ONE.layer);
    await unlink(path.join(root, LAYER));
    await symlink(path.join(root, 'elsewhere'), path.join(root, LAYER));
    expect(short(await verify({ deep: true }))).toEqual(['extra elsewhere', `invalid ${LAYER}`]);
  });
});

describe('what is wrong with the history is found', () => {
  test('no pointer', async () => {
    await unlink(path.join(root, POINTER_PATH));
    const result = await verify();
    expect(short(result)).toEqual([`missing ${POINTER_PATH}`]);
    expect(result.statement).toBeUndefined();
  });

  test('a pointer that is no statement', async () => {
    await put(POINTER_PATH, '<html>');
    expect(short(await verify())).toEqual([`invalid ${POINTER_PATH}`]);
  });

  test('a pointer whose own statement is absent, or another one', async () => {
    const bytes = await get(serialPath(3));
    await unlink(path.join(root, serialPath(3)));
    expect(short(await verify())).toEqual([`missing ${serialPath(3)}`]);
    await put(
      serialPath(3),
      bytes.toString().replace('"signatures":[]', '"signatures":[{"keyid":"k","sig":"s"}]'),
    );
    expect(short(await verify())).toEqual([`fork ${serialPath(3)}`]);
  });

  test('an expired serial', async () => {
    const result = await verify({ nowMs: PUBLISHED + 8 * 24 * 3600 * 1000 });
    expect(short(result)).toEqual([`expired ${POINTER_PATH}`]);
    expect(result.errors).toBe(1);
  });

  test('a serial below one that was seen', async () => {
    expect(short(await verify({ seen: { serial: 4 } }))).toEqual([`rollback ${POINTER_PATH}`]);
    expect((await verify({ seen: { serial: 3 } })).errors).toBe(0);
  });

  test('an earlier statement that is absent, or another one', async () => {
    await unlink(path.join(root, serialPath(2)));
    expect(short(await verify())).toEqual([`broken-chain ${serialPath(2)}`]);
    await put(serialPath(2), await get(serialPath(1)));
    expect(short(await verify())).toEqual([`broken-chain ${serialPath(2)}`]);
  });

  test('a list that is absent, changed, cut short or no list', async () => {
    const list = await get(listPath(2));
    await unlink(path.join(root, listPath(2)));
    expect(short(await verify())).toEqual([`missing ${listPath(2)}`]);
    for (const bytes of [
      '',
      list.subarray(0, 100),
      Buffer.concat([list, Buffer.from('- serial/current.json\n')]),
    ]) {
      await put(listPath(2), bytes);
      expect(short(await verify())).toEqual([`corrupt ${listPath(2)}`]);
    }
  });

  test('a list that was published with a path outside of the pool', async () => {
    const list = Buffer.from('- pool/../../etc/passwd\n');
    await put(listPath(3), list);
    await restate({ list: digestOf(list) });
    const result = await verify();
    expect(short(result)).toEqual([`invalid ${listPath(3)}`]);
    expect(result.findings[0]?.message).toMatch(/^line 1 of/);
  });
});

describe('what does not belong there is found, as a warning', () => {
  test.each([
    '.hidden',
    'serial/.current.json.tmp',
    'pool/blobs/sha256/ab/part.new',
    'lists/000000000009.txt',
    'serial/000000000004.json',
    blobPath(`sha256:${'f'.repeat(64)}`),
  ])('%s', async (file) => {
    await put(file, 'x');
    const result = await verify();
    expect(short(result)).toEqual([`extra ${file}`]);
    expect(result).toMatchObject({ errors: 0, warnings: 1 });
  });

  test('but a file of the pool is no stranger while the lists can not tell', async () => {
    await put(blobPath(`sha256:${'f'.repeat(64)}`), 'x');
    await unlink(path.join(root, listPath(1)));
    expect(short(await verify())).toEqual([`missing ${listPath(1)}`]);
  });
});

describe('a web server', () => {
  test('that sends manifests as something else is good for blobs only: a warning each, and an error when looked at', async () => {
    await using server = await serveTree(root, 'text/plain');
    const manifests = [...(await httpd()).manifests].map(([digest, { kind }]) => manifestPath(kind, digest));
    const result = await verifyTree(httpTree(`${server.url}/tree`), NOW);
    expect(result).toMatchObject({ errors: 0, counts: { 'wrong-type': result.warnings } });
    expect(result.findings.map(({ path: file }) => file)).toEqual(expect.arrayContaining(manifests));
    expect(result.findings[0]?.message).toContain('"text/plain"');
    const deep = await verifyTree(httpTree(`${server.url}/tree`), { ...NOW, deep: true });
    expect(deep).toMatchObject({ errors: result.warnings, warnings: 0 });
  });

  test('that lacks a file, or has a shorter one', async () => {
    await unlink(path.join(root, LAYER));
    await put(MANIFEST, '{}');
    await using server = await serveTree(root);
    const result = await verifyTree(httpTree(`${server.url}/tree`), NOW);
    expect(short(result)).toEqual([`missing ${LAYER}`, `wrong-size ${MANIFEST}`]);
  });

  test('that refuses some files, each named as unreadable', async () => {
    const source = directoryTree(root);
    await using server = await serve(async (request, response) => {
      const bytes = await source.read((request.url ?? '').slice(1), 1_000_000);
      if (request.url?.endsWith(LAYER) === true) response.writeHead(403).end();
      else response.writeHead(bytes === undefined ? 404 : 200).end(request.method === 'HEAD' ? '' : bytes);
    });
    const { findings } = await verifyTree(httpTree(server.url), NOW);
    const [unreadable, ...rest] = findings;
    expect(unreadable).toMatchObject({ kind: 'unreadable', path: LAYER, severity: 'error' });
    // It says no Content-Type either.
    expect(new Set(rest.map(({ kind }) => kind))).toEqual(new Set(['wrong-type']));
    expect(rest[0]?.message).toContain('comes as no type');
  });

  test('that does not answer at all is no finding but a fault', async () => {
    await using server = await serve((_, response) => void response.writeHead(503).end());
    await expect(verifyTree(httpTree(server.url), NOW)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

test('findings past the most that are kept are counted', async () => {
  for (let at = 0; at < 9; at++) await put(`.extra${at}`, '');
  const result = await verify({ maxFindings: 5 });
  expect(result.findings).toHaveLength(5);
  expect(result.warnings).toBe(9);
});

test('a verification ends when it is told to', async () => {
  const stop = new AbortController();
  const run = verify({ signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
  await expect(run).rejects.toThrow('enough');
  const gone = new Fault('UNAVAILABLE', 'the operator left');
  const other = verify({ signal: AbortSignal.abort(gone) });
  await expect(other).rejects.toBe(gone);
});
