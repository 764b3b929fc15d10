import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manifest } from '../contract/samples.ts';
import { dumpOf } from '../contract/transfer.ts';
import { fillCatalog } from '../contract/filled-catalog.ts';
import { backupCatalog, openCatalog } from '../index.ts';

async function place() {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-backup-'));
  return {
    folder,
    configuration: { sqlite: { file: join(folder, 'catalog.db') } },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

test('a backup holds all that the catalog holds, in one file for its user alone', async () => {
  await using at = await place();
  await using catalog = await openCatalog(at.configuration);
  await fillCatalog(catalog);
  const file = join(at.folder, 'backup.db');
  const sizeBytes = await backupCatalog(at.configuration, file);
  const { size, mode } = await stat(file);
  expect([size, mode & 0o777]).toEqual([sizeBytes, 0o600]);
  expect((await readdir(at.folder)).filter((name) => name.startsWith('backup'))).toEqual(['backup.db']);
  expect(await dumpOf({ sqlite: { file } })).toEqual(await dumpOf(at.configuration));
});

test('a backup is of one moment while others write', async () => {
  await using at = await place();
  await using catalog = await openCatalog(at.configuration);
  const stop = new AbortController();
  let written = 0;
  // Each is written after the one before: a moment has a first part of them, without gaps.
  const writing = (async () => {
    while (!stop.signal.aborted) await catalog.manifests.put(large(written++));
  })();
  try {
    for (let round = 0; round < 5; round++) {
      const before = written;
      const file = join(at.folder, `backup ${round}.db`);
      await backupCatalog(at.configuration, file);
      await using copy = await openCatalog({ sqlite: { file } });
      const digests = Array.from({ length: written + 10 }, (_, number) => large(number).digest);
      const held = await copy.manifests.getAll(digests);
      expect(digests.slice(0, held.size).every((digest) => held.has(digest))).toBe(true);
      expect(held.size).toBeGreaterThanOrEqual(before - 1);
    }
  } finally {
    stop.abort();
    await writing;
  }
});

test('a backup replaces no file, and leaves nothing behind when it fails', async () => {
  await using at = await place();
  await using catalog = await openCatalog(at.configuration);
  await catalog.manifests.put(manifest('one'));
  const file = join(at.folder, 'there');
  await writeFile(file, 'precious');
  const names = await readdir(at.folder);
  await expect(backupCatalog(at.configuration, file)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('is there already'),
  });
  await expect(backupCatalog(at.configuration, join(at.folder, 'no', 'folder'))).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
  });
  expect(await readdir(at.folder)).toEqual(names);
  const absent = { sqlite: { file: join(at.folder, 'absent.db') } };
  await expect(backupCatalog(absent, join(at.folder, 'copy'))).rejects.toMatchObject({
    code: 'CONFIGURATION_INVALID',
  });
  expect(await readdir(at.folder)).toEqual(names);
});

function large(number: number) {
  return manifest(`m${number}`, { annotations: { long: 'x'.repeat(20_000) } });
}
