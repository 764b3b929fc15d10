import { type Digest, digestOf, Fault } from '@gantry/oci';
import type { BlobStore } from './blob-store.ts';
import { finish, put, sample } from './sample-blobs.fixture.ts';

export interface OpenedStore extends AsyncDisposable {
  readonly store: BlobStore;
  /** Closes the store and opens it again, as the next start of a process does. */
  readonly reopen: () => Promise<BlobStore>;
  /** Puts other bytes in the place of a blob's, behind the store's back, as a failing disk does. */
  readonly damage: (digest: Digest) => Promise<void>;
}

/** What every store does for those who remove blobs. */
export function blobRemovalContract(open: () => Promise<OpenedStore>): void {
  test('a run removes blobs, which can then be written anew', async () => {
    await using opened = await open();
    const { store } = opened;
    const [one, other] = [sample(1000), sample(2000)];
    for (const { bytes, digest } of [one, other]) await put(store, bytes, digest);
    await using removal = await store.startRemoval('test', held);
    await removal.remove(one.digest);
    await removal.remove(one.digest);
    expect(await Array.fromAsync(store.list(), ({ digest }) => digest)).toEqual([other.digest]);
    expect(await store.stat(one.digest)).toBeUndefined();
    await finish(store, one.bytes, one.digest);
  });

  test('a run that another has followed removes nothing any more', async () => {
    await using opened = await open();
    const { store } = opened;
    const { bytes, digest } = sample(1000);
    await put(store, bytes, digest);
    let isFollowed = false;
    const confirm = async () => {
      if (isFollowed) throw new Fault('LEASE_LOST', 'another has the lease');
    };
    await using former = await store.startRemoval('test', confirm);
    isFollowed = true;
    await expect(store.startRemoval('test', confirm)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await using latter = await store.startRemoval('test', held);
    await latter.remove(digest);
    await put(store, bytes, digest);
    await expect(former.remove(digest)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    await opened.damage(digest);
    await expect(former.quarantine(digest)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await store.stat(digest)).toBeDefined();
    expect(await latter.quarantine(digest)).toBeDefined();
    await finish(store, bytes, digest);
  });

  test('a damaged blob is moved aside, and is not there any more; one that is whole stays', async () => {
    await using opened = await open();
    const { store } = opened;
    const [good, bad] = [sample(3000), sample(4000)];
    for (const { bytes, digest } of [good, bad]) await put(store, bytes, digest);
    await opened.damage(bad.digest);
    await using removal = await store.startRemoval('test', held);
    expect(await removal.quarantine(good.digest)).toBeUndefined();
    expect(await removal.quarantine(digestOf('absent'))).toBeUndefined();
    const hex = bad.digest.slice('sha256:'.length);
    expect(await removal.quarantine(bad.digest)).toMatch(new RegExp(`/quarantine/.*${hex}$`));
    expect(await store.stat(bad.digest)).toBeUndefined();
    expect(await Array.fromAsync(store.list(), ({ digest }) => digest)).toEqual([good.digest]);
    expect(digestOf(await store.read(good.digest, 3000))).toBe(good.digest);
    await finish(store, bad.bytes, bad.digest);
  });
}

/** Of a lease that is held. */
const held = () => Promise.resolve();
