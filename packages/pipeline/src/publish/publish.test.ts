import { copyFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openCatalog } from '@gantry/catalog';
import { digestOf } from '@gantry/oci';
import { makeImage, makeIndex, makeLayer, makeSbom } from '@gantry/registry';
import { blobPath, encodeStatement, listPath, openTree, verifyTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptRollback } from '../promote/rollback.ts';
import { runPromotion } from '../promote/run-promotion.ts';
import { createPublisher } from './publisher.ts';
import type { TreeTarget } from './tree-target.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const layer = (text: string) => makeLayer([{ path: 'a', content: text }]);
const image = (text: string) => makeImage({ platform: amd64, layers: [layer('base'), layer(text)] });

async function openSynced(...texts: string[]): Promise<FlowFixture> {
  const fixture = await openFlow();
  for (const text of texts) fixture.upstream.push('app', makeIndex([image(text)]), text);
  await fixture.sync();
  return fixture;
}
const promoteAs = async (fixture: FlowFixture, reference: string, ...tags: string[]) => {
  const id = await fixture.promote({ items: [{ repository: 'app', reference, tags }], to: 'stable' });
  await fixture.publisher.publishPending();
  return id;
};
const view = async (fixture: FlowFixture) => {
  const opened = await openTree(fixture.treeSource);
  if (opened === undefined) throw new Error('there is no tree');
  return opened;
};
const findings = async (fixture: FlowFixture) =>
  (await verifyTree(fixture.treeSource, { deep: true })).findings;

describe('a publication', () => {
  test('is a whole tree, in which each object stands once and knows its serial', async () => {
    await using fixture = await openSynced('1', '2');
    const first = await promoteAs(fixture, '1', '1', 'latest');
    await promoteAs(fixture, '2', '2', 'latest');
    const tree = await view(fixture);
    expect(tree.statement).toMatchObject({
      serial: 2,
      previous: { serial: 1 },
      published: '2026-11-21T09:00:00Z',
      expires: '2026-11-28T09:00:00Z',
      full: { serial: 1 },
      signatures: [],
    });
    const app = await tree.repository('app');
    expect(app?.channel).toBe('stable');
    const [one, two] = [makeIndex([image('1')]), makeIndex([image('2')])];
    expect(app?.tags).toEqual(
      new Map([
        ['1', one.digest],
        ['2', two.digest],
        ['latest', two.digest],
      ]),
    );
    expect(app?.blobs.get(layer('base').digest)?.since).toBe(1);
    expect(app?.blobs.get(layer('2').digest)?.since).toBe(2);
    expect(await findings(fixture)).toEqual([]);
    expect((await fixture.flow.catalog.promotions.get(first))?.serial).toBe(1);
  });

  test('has the modes that the format names, and shares its bytes with the store', async () => {
    const umask = process.umask(0o077);
    try {
      await using fixture = await openSynced('1');
      await promoteAs(fixture, '1');
      const root = join(fixture.root, 'tree');
      for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
        const { mode } = await stat(join(entry.parentPath, entry.name));
        expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o755 : 0o444]);
      }
      expect((await stat(join(root, blobPath(layer('1').digest)))).nlink).toBe(2);
    } finally {
      process.umask(umask);
    }
  });

  test('of the same content is the same to the byte', async () => {
    const roots: string[] = [];
    for (let run = 0; run < 2; run++) {
      await using fixture = await openSynced('1', '2');
      await promoteAs(fixture, '1', 'constructor', '__proto__', '10');
      await promoteAs(fixture, '2', 'latest');
      roots.push((await view(fixture)).statement.root);
    }
    expect(roots[0]).toBe(roots[1]);
  });

  test('that would change nothing is not made; the promotion knows the serial that has it', async () => {
    await using fixture = await openSynced('1');
    await promoteAs(fixture, '1');
    const again = await promoteAs(fixture, '1');
    expect((await view(fixture)).statement.serial).toBe(1);
    expect(await fixture.flow.catalog.promotions.get(again)).toMatchObject({ state: 'done', serial: 1 });
  });

  test('takes all that waits together, in the order of acceptance', async () => {
    await using fixture = await openSynced('1', '2');
    const ids: string[] = [];
    for (let n = 0; n < 50; n++) {
      ids.push(
        await fixture.promote({
          items: [{ repository: 'app', reference: n % 2 === 0 ? '2' : '1', tags: ['latest', `t${n}`] }],
          to: 'stable',
        }),
      );
    }
    await Promise.all(Array.from({ length: 5 }, () => fixture.publisher.publishPending()));
    const app = await (await view(fixture)).repository('app');
    expect(app?.tags.get('latest')).toBe(makeIndex([image('1')]).digest);
    expect(app?.tags.size).toBe(51);
    const serials = await Promise.all(
      ids.map(async (id) => (await fixture.flow.catalog.promotions.get(id))?.serial),
    );
    expect(new Set(serials)).toEqual(new Set([1]));
    expect(await fixture.flow.catalog.publications.get('main', 1)).toMatchObject({
      state: 'published',
      promotions: ids,
    });
  });

  test('keeps what no tag reaches any more, marked, and in the end leaves it out', async () => {
    await using fixture = await openSynced('1', '2', '3');
    await promoteAs(fixture, '1', 'latest');
    await promoteAs(fixture, '2', 'latest');
    const old = makeIndex([image('1')]).digest;
    let app = await (await view(fixture)).repository('app');
    expect(app?.manifests.get(old)).toMatchObject({ untagged: '2026-11-21T09:00:00Z', since: 1 });
    expect(app?.blobs.has(layer('1').digest)).toBe(true);
    fixture.clock = new Date('2026-12-25T09:00:00Z');
    await promoteAs(fixture, '3', 'other');
    app = await (await view(fixture)).repository('app');
    expect([app?.manifests.has(old), app?.blobs.has(layer('1').digest)]).toEqual([false, false]);
    expect(await findings(fixture)).toEqual([]);
  });

  test('leaves a channel that is not published out of the tree', async () => {
    await using fixture = await openSynced('1');
    const id = await fixture.promote({ items: [{ repository: 'app', reference: '1' }], to: 'private' });
    await promoteAs(fixture, '1', 'x');
    expect((await fixture.flow.catalog.promotions.get(id))?.state).toBe('done');
    expect(await (await view(fixture)).repository('private/app')).toBeUndefined();
    expect((await fixture.flow.catalog.channels.tag('private', 'app', '1'))?.tag).toBe('1');
  });

  test('lists the referrers of an image as the crane will answer them', async () => {
    await using fixture = await openFlow();
    const app = image('1');
    const sbom = makeSbom(app, 'app');
    fixture.upstream.push('app', app, '1');
    fixture.upstream.push('app', sbom);
    await fixture.sync();
    await promoteAs(fixture, '1', '1');
    const tree = await view(fixture);
    const document = (await tree.repository('app'))?.referrers.get(app.digest);
    if (document === undefined) throw new Error('no referrers');
    const { manifests } = JSON.parse(Buffer.from(await tree.document(document)).toString()) as {
      manifests: { digest: string }[];
    };
    expect(manifests.map(({ digest }) => digest)).toEqual([sbom.digest]);
  });

  test('is made anew before it expires, with the same root', async () => {
    await using fixture = await openSynced('1');
    await promoteAs(fixture, '1');
    const { root } = (await view(fixture)).statement;
    await fixture.publisher.refresh();
    expect((await view(fixture)).statement.serial).toBe(1);
    fixture.clock = new Date('2026-11-22T09:00:00Z');
    await fixture.publisher.refresh();
    expect((await view(fixture)).statement).toMatchObject({
      serial: 2,
      root,
      expires: '2026-11-29T09:00:00Z',
      full: { serial: 2 },
    });
    expect(await findings(fixture)).toEqual([]);
  });

  test('makes a list of the whole pool once a day, and keeps the newest two', async () => {
    await using fixture = await openSynced('1', '2');
    await promoteAs(fixture, '1');
    await promoteAs(fixture, '2');
    const fullLists = async () =>
      (await readdir(join(fixture.root, 'tree/lists'))).filter((name) => name.startsWith('full-')).toSorted();
    expect(await fullLists()).toEqual(['full-000000000001.txt']);
    for (const day of [22, 23, 24]) {
      fixture.clock = new Date(`2026-11-${day}T09:00:00Z`);
      await fixture.publisher.refresh();
    }
    expect(await fullLists()).toEqual(['full-000000000004.txt', 'full-000000000005.txt']);
    expect((await view(fixture)).statement.full?.serial).toBe(5);
    expect(await findings(fixture)).toEqual([]);
  });

  test('splits the maps of a large repository into parts, and a tag more changes few of them', async () => {
    await using fixture = await openSynced('1');
    const tags = Array.from({ length: 5000 }, (_, n) => `t${n}`);
    await promoteAs(fixture, '1', ...tags);
    const parts = (await readdir(join(fixture.root, 'tree/pool/index/sha256'), { recursive: true })).length;
    expect(parts).toBeGreaterThan(256);
    expect((await (await view(fixture)).repository('app'))?.tags.size).toBe(5000);
    await promoteAs(fixture, '1', 'one-more');
    expect((await fixture.flow.catalog.publications.get('main', 2))?.added.objects).toBeLessThan(10);
    expect(await findings(fixture)).toEqual([]);
  }, 30_000);

  test('asked for by hand puts back what was taken from the tree', async () => {
    await using fixture = await openSynced('1');
    await promoteAs(fixture, '1');
    await rm(join(fixture.root, 'tree', blobPath(layer('1').digest)));
    expect(await findings(fixture)).not.toEqual([]);
    await fixture.publisher.publishAll();
    expect(await findings(fixture)).toEqual([]);
  });
});

const rollBack = async (fixture: FlowFixture, serial: number) => {
  const { promotion } = await acceptRollback(fixture.flow, fixture.trees, { serial }, { name: 'bot' });
  await runPromotion(fixture.flow, fixture.channels, promotion.id);
  await fixture.publisher.publishPending();
  return promotion.id;
};

describe('a rollback', () => {
  test('puts tags back, takes newer ones away, and the next publication does not undo it', async () => {
    await using fixture = await openSynced('1', '2');
    await promoteAs(fixture, '1', 'latest');
    await promoteAs(fixture, '2', 'latest', 'new');
    const id = await rollBack(fixture, 1);
    expect(await fixture.flow.catalog.promotions.get(id)).toMatchObject({
      kind: 'rollback',
      state: 'done',
      serial: 3,
    });
    const expected = new Map([['latest', makeIndex([image('1')]).digest]]);
    expect((await (await view(fixture)).repository('app'))?.tags).toEqual(expected);
    await fixture.publisher.publishAll();
    expect((await (await view(fixture)).repository('app'))?.tags).toEqual(expected);
  });

  test('to what is there, and to what never was, is refused', async () => {
    await using fixture = await openSynced('1');
    await promoteAs(fixture, '1');
    await expect(rollBack(fixture, 1)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(rollBack(fixture, 7)).rejects.toMatchObject({ code: 'PUBLICATION_UNKNOWN' });
  });
});

const filesIn = async (folder: string) =>
  (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());

describe('a tree whose pointer was put back from outside', () => {
  test.each([
    ['one that has seen the newer serial', (fixture: FlowFixture) => fixture.publisher],
    ['one that starts', (fixture: FlowFixture) => createPublisher(fixture.flow, fixture.tree)],
  ])('is at its newest serial again when a publisher looks next: %s', async (_, publisherOf) => {
    await using fixture = await openSynced('1', '2');
    await promoteAs(fixture, '1');
    const serial = join(fixture.root, 'tree/serial');
    await promoteAs(fixture, '2');
    await rm(join(serial, 'current.json'));
    await copyFile(join(serial, '000000000001.json'), join(serial, 'current.json'));
    await publisherOf(fixture).refresh();
    expect((await view(fixture)).statement.serial).toBe(2);
    expect(await findings(fixture)).toEqual([]);
  });
});

describe('a serial whose list is there already, of a publisher that was cut off and may go on', () => {
  test('is passed over; a statement of it that comes late has no part in the tree', async () => {
    await using fixture = await openSynced('1', '2');
    await promoteAs(fixture, '1');
    const first = (await view(fixture)).statement;
    const { target } = fixture.tree;
    const list = Buffer.from(`+ 1 ${'0'.repeat(64)} pool/blobs/sha256/00/${'0'.repeat(64)}\n`);
    await target.putList(listPath(2), list);
    await promoteAs(fixture, '2');
    expect((await view(fixture)).statement).toMatchObject({ serial: 3, previous: { serial: 1 } });
    expect((await findings(fixture)).filter(({ kind }) => kind !== 'extra')).toEqual([]);

    const late = { ...first, serial: 2, previous: null, list: digestOf(list) };
    expect(await target.claim(2, encodeStatement(late).bytes)).toBe(true);
    const catalog = await openCatalog({ sqlite: { file: join(fixture.root, 'new.db') } });
    const afresh = createPublisher({ ...fixture.flow, catalog }, fixture.tree);
    await afresh.refresh();
    const pool = await Array.fromAsync(catalog.pool.list('main'));
    await catalog[Symbol.asyncDispose]();
    expect(pool).toEqual(await Array.fromAsync(fixture.flow.catalog.pool.list('main')));
    expect((await view(fixture)).statement.serial).toBe(3);
  });
});

describe('a serial that was claimed, and does not go on from what the tree shows', () => {
  test.each([
    ['of another history', { previous: { serial: 6, digest: digestOf('another history') } }],
    ['of another tree', { previous: null, tree: 'another' }],
  ])('is passed over, and told, and the next publication comes above it: %s', async (_, stray) => {
    await using fixture = await openSynced('1', '2');
    await promoteAs(fixture, '1');
    const first = await view(fixture);
    const { bytes } = encodeStatement({ ...first.statement, serial: 7, ...stray });
    expect(await fixture.tree.target.claim(7, bytes)).toBe(true);
    const told: unknown[] = [];
    const log = { ...fixture.flow.log, warn: (...said: unknown[]) => void told.push(said) };
    const publisher = createPublisher({ ...fixture.flow, log }, fixture.tree);
    await publisher.refresh();
    expect((await view(fixture)).digest).toBe(first.digest);
    expect(told).toEqual([[{ tree: 'main', serial: 7, shown: 1 }, 'publication.claim_passed_over']]);

    await promoteAs(fixture, '2');
    expect((await view(fixture)).statement).toMatchObject({
      serial: 8,
      previous: { serial: 1, digest: first.digest },
    });
    expect((await findings(fixture)).filter(({ kind }) => kind !== 'extra')).toEqual([]);
    told.length = 0;
    await publisher.refresh();
    expect(told).toEqual([]);
  });
});

describe('a publisher that dies', () => {
  // Each step of a publication, and how often it happens in the one below.
  const STEPS = {
    begin: 1,
    putContent: 4,
    putDocument: 3,
    putList: 1,
    settle: 4,
    claim: 1,
    movePointer: 1,
  } as const;
  type Step = keyof typeof STEPS & keyof TreeTarget;

  /** A target that fails before or after the n-th call of one of its steps, as a killed process would stop there. */
  const failing = (target: TreeTarget, step: Step, n: number, when: 'before' | 'after'): TreeTarget => {
    let calls = 0;
    const original = target[step].bind(target) as (...parameters: unknown[]) => Promise<unknown>;
    const die = () => {
      throw new Error(`died ${when} ${step} ${n}`);
    };
    return {
      ...target,
      [step]: async (...parameters: unknown[]) => {
        const call = ++calls;
        if (call === n && when === 'before') die();
        const result = await original(...parameters);
        if (call === n && when === 'after') die();
        return result;
      },
    };
  };

  const cases = (Object.keys(STEPS) as Step[]).flatMap((step) =>
    Array.from({ length: STEPS[step] }, (_, n) => n + 1).flatMap((n) =>
      (['before', 'after'] as const).map((when) => [when, step, n] as const),
    ),
  );
  test.each(cases)(
    '%s %s, call %d: the old serial stays whole, and the next run completes',
    async (when, step, n) => {
      await using fixture = await openSynced('1', '2');
      await promoteAs(fixture, '1', 'latest');
      const id = await fixture.promote({
        items: [{ repository: 'app', reference: '2', tags: ['latest'] }],
        to: 'stable',
      });
      const dying = createPublisher(fixture.flow, {
        ...fixture.tree,
        target: failing(fixture.tree.target, step, n, when),
      });
      await expect(dying.publishPending()).rejects.toThrow(`died ${when} ${step} ${n}`);
      const kept = (await findings(fixture)).filter(({ kind }) => kind !== 'extra');
      expect(kept).toEqual([]);
      await fixture.publisher.publishPending();
      const app = await (await view(fixture)).repository('app');
      expect(app?.tags.get('latest')).toBe(makeIndex([image('2')]).digest);
      expect((await fixture.flow.catalog.promotions.get(id))?.state).toBe('done');
      expect(await findings(fixture)).toEqual([]);
      expect(await filesIn(join(fixture.root, 'tree', '.tmp'))).toEqual([]);
    },
  );
});
