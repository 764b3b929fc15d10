import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '@gantry/oci';
import { openFilesystemStore } from './filesystem.ts';

test('a damaged blob that can not be moved aside stays where it lies', async () => {
  const root = await mkdtemp(join(tmpdir(), 'gantry-store-'));
  try {
    await using store = await openFilesystemStore({ root });
    const digest = digestOf('whole');
    const writer = await store.write(digest, 5);
    await writer.append(Buffer.from('whole'));
    await writer.commit();
    await rm(store.pathOf(digest));
    await writeFile(store.pathOf(digest), 'other');
    await writeFile(join(root, 'quarantine'), 'in the way');
    {
      await using removal = await store.startRemoval('test', () => Promise.resolve());
      await expect(removal.quarantine(digest)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
    expect(await readFile(store.pathOf(digest), 'utf8')).toBe('other');
  } finally {
    await rm(root, { recursive: true });
  }
});
