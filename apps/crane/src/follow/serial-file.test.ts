import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { temporaryFolder } from '../crane.fixture.ts';
import { readSerialFile, writeSerialFile } from './serial-file.ts';

const highest = { tree: 'tree', serial: 42, digest: digestOf('statement') };

test('what was written is read, and nothing else is left behind', async () => {
  await using folder = await temporaryFolder();
  const file = path.join(folder.path, 'new', 'serial');
  expect(await readSerialFile(file)).toBeUndefined();
  await writeSerialFile(file, { ...highest, serial: 41 });
  await writeSerialFile(file, highest);
  expect(await readSerialFile(file)).toEqual(highest);
  expect(await readdir(path.dirname(file))).toEqual(['serial']);
});

test.each(['', '42', '{}', '{"tree":"a","serial":0,"digest":"x"}', '[1', '{"tree":"a","serial":1}'])(
  'a file that holds %p is refused, with what to do',
  async (text) => {
    await using folder = await temporaryFolder();
    const file = path.join(folder.path, 'serial');
    await writeFile(file, text);
    await expect(readSerialFile(file)).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining('remove it') as string,
    });
  },
);

test('a place that can not be written is an error, and leaves nothing', async () => {
  await using folder = await temporaryFolder();
  await writeFile(path.join(folder.path, 'file'), '');
  await expect(writeSerialFile(path.join(folder.path, 'file', 'serial'), highest)).rejects.toMatchObject({
    code: expect.stringMatching(/^E(?:NOTDIR|EXIST)$/) as string,
  });
  expect(await readdir(folder.path)).toEqual(['file']);
});
