import { generateKeyPairSync } from 'node:crypto';
import { makeImage, makeIndex, makeLayer } from '@gantry/registry';
import { openTree, readSigningKey, type SigningKey, verifyTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptRollback } from '../promote/rollback.ts';
import { runPromotion } from '../promote/run-promotion.ts';
import { mustStaySigned } from './must-stay-signed.ts';
import { createPublisher, type Publisher } from './publisher.ts';
import type { TreeTarget } from './tree-target.ts';

const newKey = () =>
  readSigningKey(
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'of the test',
  );
const [OLD, NEXT] = [newKey(), newKey()];

const image = (text: string) =>
  makeIndex([
    makeImage({
      platform: { os: 'linux', architecture: 'amd64' },
      layers: [makeLayer([{ path: 'a', content: text }])],
    }),
  ]);

async function openSynced(): Promise<FlowFixture> {
  const fixture = await openFlow();
  for (const text of ['1', '2', '3']) fixture.upstream.push('app', image(text), text);
  await fixture.sync();
  return fixture;
}

/** @param signing absent: nothing is said of keys */
function publisherOf(fixture: FlowFixture, signing?: readonly SigningKey[], target?: TreeTarget): Publisher {
  return createPublisher(fixture.flow, {
    ...fixture.tree,
    ...(signing && { signing }),
    ...(target && { target }),
  });
}

async function promote(fixture: FlowFixture, publisher: Publisher, reference: string): Promise<void> {
  await fixture.promote({ items: [{ repository: 'app', reference, tags: ['latest'] }], to: 'stable' });
  await publisher.publishPending();
}

const dies = async () => Promise.reject(new Error('killed'));

/** The serial, if a reader that trusts the keys takes it, and who has signed it. */
async function trusted({ treeSource }: FlowFixture, ...trustedKeys: SigningKey[]) {
  const view = await openTree(treeSource, { trustedKeys });
  return [view?.statement.serial, view?.statement.signatures.map(({ keyid }) => keyid)];
}

describe('with a key every statement is signed:', () => {
  test('a publication, a refresh, a rollback', async () => {
    await using fixture = await openSynced();
    const publisher = publisherOf(fixture, [OLD]);
    await promote(fixture, publisher, '1');
    expect(await trusted(fixture, OLD)).toEqual([1, [OLD.keyid]]);
    await promote(fixture, publisher, '2');
    expect(await trusted(fixture, OLD)).toEqual([2, [OLD.keyid]]);

    fixture.clock = new Date(fixture.clock.getTime() + fixture.tree.refreshMs);
    await publisher.refresh();
    expect(await trusted(fixture, OLD)).toEqual([3, [OLD.keyid]]);

    const { promotion } = await acceptRollback(
      fixture.flow,
      fixture.trees,
      { serial: 1, reason: 'broken' },
      { name: 'tester' },
    );
    await runPromotion(fixture.flow, fixture.channels, promotion.id);
    await publisher.publishPending();
    expect(await trusted(fixture, OLD)).toEqual([4, [OLD.keyid]]);
    expect((await (await openTree(fixture.treeSource))?.repository('app'))?.tags.get('latest')).toBe(
      image('1').digest,
    );
    const { findings } = await verifyTree(fixture.treeSource, {
      trustedKeys: [OLD],
      deep: true,
      nowMs: fixture.clock.getTime(),
    });
    expect(findings).toEqual([]);
  });

  test('one that was claimed by a publisher that died is completed as it is, by whoever comes', async () => {
    await using fixture = await openSynced();
    await promote(fixture, publisherOf(fixture, [OLD]), '1');
    const { target } = fixture.tree;
    const dying = publisherOf(fixture, [OLD], { ...target, movePointer: dies });
    await expect(promote(fixture, dying, '2')).rejects.toThrow('killed');
    await publisherOf(fixture, [OLD]).refresh();
    expect(await trusted(fixture, OLD)).toEqual([2, [OLD.keyid]]);
    expect((await openTree(fixture.treeSource))?.digest).toBe(
      (await openTree(fixture.treeSource, { serial: 2 }))?.digest,
    );
  });
});

describe('when keys change, the next statement comes at once,', () => {
  test('and once only: with the first key, with a second one beside it, and none for one that is dropped', async () => {
    await using fixture = await openSynced();
    await promote(fixture, publisherOf(fixture, []), '1');
    expect(await trusted(fixture)).toEqual([1, []]);
    for (const [keys, serial, signedBy] of [
      [[OLD], 2, [OLD.keyid]],
      [[OLD], 2, [OLD.keyid]],
      [[OLD, NEXT], 3, [OLD.keyid, NEXT.keyid]],
      [[NEXT], 3, [OLD.keyid, NEXT.keyid]],
    ] as const) {
      await publisherOf(fixture, keys).refresh();
      expect(await trusted(fixture)).toEqual([serial, signedBy]);
    }
    await promote(fixture, publisherOf(fixture, [NEXT]), '2');
    expect(await trusted(fixture, NEXT)).toEqual([4, [NEXT.keyid]]);
    await expect(trusted(fixture, OLD)).rejects.toMatchObject({ details: { signature: 'unknown-key' } });
  });

  test('and after one that was claimed unsigned', async () => {
    await using fixture = await openSynced();
    await promote(fixture, publisherOf(fixture, []), '1');
    const first = await openTree(fixture.treeSource);
    if (first === undefined) throw new Error('there is a tree');
    const dying = publisherOf(fixture, [], { ...fixture.tree.target, movePointer: dies });
    await expect(promote(fixture, dying, '2')).rejects.toThrow('killed');
    await publisherOf(fixture, [OLD]).refresh();
    expect((await openTree(fixture.treeSource, { serial: 2 }))?.statement.signatures).toEqual([]);
    expect(await trusted(fixture, OLD)).toEqual([3, [OLD.keyid]]);
  });
});

describe('without a key, a tree that is signed', () => {
  test('is left as it is, until there is a key again', async () => {
    await using fixture = await openSynced();
    await promote(fixture, publisherOf(fixture, [OLD]), '1');
    const keyless = publisherOf(fixture);
    const told = {
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(
        `^tree\\.signing\\.keyFile is not set, and the tree .* is signed, by the key ${OLD.keyid}: .*write tree\\.signing\\.keyFile: none$`,
      ),
    };
    await expect(promote(fixture, keyless, '2')).rejects.toMatchObject(told);
    await expect(keyless.publishAll()).rejects.toMatchObject(told);
    fixture.clock = new Date(fixture.clock.getTime() + fixture.tree.refreshMs);
    await expect(keyless.refresh()).rejects.toMatchObject(told);
    expect(await fixture.tree.target.highestSerial()).toBe(1);
    expect(await trusted(fixture, OLD)).toEqual([1, [OLD.keyid]]);

    await publisherOf(fixture, [OLD]).publishPending();
    expect(await trusted(fixture, OLD)).toEqual([2, [OLD.keyid]]);
    expect((await (await openTree(fixture.treeSource))?.repository('app'))?.tags.get('latest')).toBe(
      image('2').digest,
    );
  });

  test('is published unsigned where none is wanted', async () => {
    await using fixture = await openSynced();
    await promote(fixture, publisherOf(fixture, [OLD]), '1');
    await promote(fixture, publisherOf(fixture, []), '2');
    expect(await trusted(fixture)).toEqual([2, []]);
    await promote(fixture, publisherOf(fixture), '3');
    expect(await trusted(fixture)).toEqual([3, []]);
  });

  test('is named by its own key of the configuration', async () => {
    await using fixture = await openSynced();
    await promote(fixture, publisherOf(fixture, [OLD]), '1');
    const statement = (await openTree(fixture.treeSource))?.statement;
    const further = { ...fixture.tree, name: 'internal' };
    expect(() => mustStaySigned(further, statement)).toThrow(/^trees\.internal\.signing\.keyFile is not set/);
    expect(() => mustStaySigned(further, undefined)).not.toThrow();
  });
});
