import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Messages, openMessages } from '@gantry/messages';
import { makeImage, makeLayer } from '@gantry/registry';
import { blobPath } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { ban, purge } from './purge.fixture.ts';
import { findPurged, isNowhere } from './purge-steps.ts';
import { sweepPurges } from './sweep-purges.ts';

const secret = makeLayer([{ path: 'id_rsa', content: 'secret' }]);
const image = makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [secret] });

async function openPublished(): Promise<FlowFixture & { messages: Messages; sweep(): Promise<void> }> {
  const fixture = await openFlow();
  fixture.upstream.push('app', image, '1');
  await fixture.sync();
  await fixture.promote({ items: [{ repository: 'app', reference: '1' }], to: 'stable' });
  await fixture.publisher.publishPending();
  const messages = await openMessages({ embedded: { file: join(fixture.root, 'messages.db') } });
  return Object.assign(fixture, {
    messages,
    sweep: () => sweepPurges(fixture, messages, new AbortController().signal),
  });
}

async function store({ flow }: FlowFixture): Promise<void> {
  const writer = await flow.store.write(secret.digest, secret.bytes.length);
  await writer.append(secret.bytes);
  await writer.commit();
}

describe('the sweep of purges', () => {
  test('takes out what has come back into the store and the tree', async () => {
    await using fixture = await openPublished();
    await using _ = fixture.messages;
    await purge(fixture, secret.digest);
    await store(fixture);
    const place = join(fixture.root, 'tree', blobPath(secret.digest));
    await mkdir(dirname(place), { recursive: true });
    await copyFile(join(fixture.root, 'catalog.db'), place);
    expect(isNowhere(await findPurged(fixture, secret.digest))).toBe(false);
    await fixture.sweep();
    expect(await findPurged(fixture, secret.digest)).toMatchObject({ sizeBytes: undefined, objects: [] });
    await expect(readFile(place)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('takes out manifests and candidates that were recorded late', async () => {
    await using fixture = await openPublished();
    await using _ = fixture.messages;
    const { manifests, candidates } = fixture.flow.catalog;
    const record = await manifests.get(image.digest);
    const candidate = await candidates.current('app', '1');
    if (record === undefined || candidate === undefined) throw new Error('nothing was synced');
    await purge(fixture, secret.digest);
    await manifests.put(record); // by a sync that was stopped since it looked
    await candidates.put(candidate);
    await fixture.sweep();
    expect(await manifests.get(image.digest)).toBeUndefined();
    expect(await candidates.current('app', '1')).toBeUndefined();
  });

  test('leaves to its worker what is not done yet, and hands it on once more', async () => {
    await using fixture = await openPublished();
    await using messages = fixture.messages;
    const { id } = await ban(fixture, secret.digest);
    await fixture.sweep();
    expect((await findPurged(fixture, secret.digest)).objects).toEqual([blobPath(secret.digest)]);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    await using _ = await messages.consume('gantry.promote', async ({ event }) => resolve(event.data), {
      onError: resolve,
    });
    expect(await promise).toEqual({ task: id });
  });

  test('publishes nothing when nothing has come back, and asks for nothing when nothing was purged', async () => {
    await using fixture = await openPublished();
    await using _ = fixture.messages;
    await fixture.sweep();
    expect((await fixture.flow.catalog.leases.list()).map(({ name }) => name)).toEqual([]);
    await purge(fixture, secret.digest);
    const before = await fixture.tree.target.highestSerial();
    await fixture.sweep();
    expect(await fixture.tree.target.highestSerial()).toBe(before);
  });
});
