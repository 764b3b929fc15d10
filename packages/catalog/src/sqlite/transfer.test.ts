import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copy, transferContract } from '../contract/transfer.ts';
import { fillCatalog } from '../contract/filled-catalog.ts';
import { manifest } from '../contract/samples.ts';
import { openCatalog, openCatalogTransfer } from '../index.ts';

async function place() {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-transfer-'));
  return {
    configuration: { sqlite: { file: join(folder, 'catalog.db') } },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

transferContract('sqlite', place);

test('a source that is absent is refused, and is not made', async () => {
  await using from = await place();
  const { file } = from.configuration.sqlite;
  await expect(openCatalogTransfer(from.configuration, 'source')).rejects.toMatchObject({
    code: 'CONFIGURATION_INVALID',
    message: expect.stringContaining(`${file} is absent`),
  });
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a file that another process has open is not filled', async () => {
  await using from = await place();
  await using to = await place();
  {
    await using source = await openCatalog(from.configuration);
    await fillCatalog(source);
  }
  await using other = await openCatalog(to.configuration);
  await expect(copy(from.configuration, to.configuration)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('open in another process'),
  });
  await other.manifests.put(manifest('one')); // it is as usable as before
});

test('what is written to the source while it is read does not come along', async () => {
  await using from = await place();
  await using to = await place();
  await using source = await openCatalog(from.configuration);
  await fillCatalog(source);
  await using reading = await openCatalogTransfer(from.configuration, 'source');
  await using target = await openCatalogTransfer(to.configuration, 'target');
  const before = await reading.count();
  const dump = reading.dump();
  const counts = await target.load(
    (async function* () {
      let at = 0;
      for await (const entry of dump) {
        if (++at === 1) await source.tasks.create({ ...(await anyTask(source)), id: 'late' });
        yield entry;
      }
    })(),
  );
  expect(counts).toEqual(before);
  expect(await reading.count()).toMatchObject({ tasks: before.tasks + 1 });
});

async function anyTask(catalog: Awaited<ReturnType<typeof openCatalog>>) {
  const [task] = (await catalog.tasks.list({ limit: 1 })).items;
  if (task === undefined) throw new Error('there is no task');
  return task;
}
