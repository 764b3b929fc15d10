import { existsSync } from 'node:fs';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { blobPath, layTree } from '@gantry/tree';
import { needs } from '../servers/parts.ts';
import { copy, expectWhole, filesOf, freshFolders, master, mirror, serialOf } from './mirror-world.ts';

/** What is chosen by `--repository` and `--channel` has to be there: a misspelled name is no wish for nothing. */

const real = needs('rsync');
freshFolders();

const NAMES = ['one', 'two'];
beforeEach(() =>
  layTree(master, {
    repositories: NAMES.map((name) => ({
      name: `app/${name}`,
      channel: name === 'one' ? 'stable' : 'testing',
      tags: {},
      blobs: [Buffer.from(name)],
    })),
  }),
);
const here = () =>
  NAMES.filter((name) => existsSync(path.join(mirror, blobPath(digestOf(Buffer.from(name))))));

const misspelled = [
  { options: ['--repository', 'typo'], said: '--repository typo' },
  { options: ['--channel', 'typo', '--channel', 'other'], said: '--channel typo --channel other' },
  { options: ['--repository', 'app/*', '--channel', 'typo'], said: '--repository app/* --channel typo' },
  {
    options: ['--repository', 'app/one', '--channel', 'testing'],
    said: '--repository app/one --channel testing',
  },
];
for (const { options, said } of misspelled) {
  real.test(`${said}: what matches nothing is refused, and what is there stays`, async () => {
    const refused = {
      code: 1,
      stderr: expect.stringContaining(`no repository of serial 1 matches ${said} - nothing was changed`),
    };
    expect(await copy(master, ...options)).toMatchObject(refused);
    expect(await serialOf(mirror)).toBe(undefined);
    expect((await copy(master)).code).toBe(0);
    const before = await filesOf(mirror);
    expect(await copy(master, '--keep', '0', '--quiet', ...options)).toMatchObject(refused);
    expect(await filesOf(mirror)).toEqual(before);
    expect((await copy(master)).stdout).toContain('at serial 1 already');
    await expectWhole(mirror);
  });
}

real.test('a pattern that matches nothing beside one that does is told, and once', async () => {
  const options = ['--repository', '*/one', '--repository', 'typo', '--channel', 'st*', '--channel', 'old'];
  const told = ['--repository typo', '--channel old'].map(
    (pattern) => `gantry-mirror: no repository of serial 1 matches ${pattern}\n`,
  );
  expect(await copy(master, '--quiet', ...options)).toEqual({ code: 0, stdout: '', stderr: told.join('') });
  expect(here()).toEqual(['one']);
  expect(await copy(master, '--quiet', ...options)).toEqual({ code: 0, stdout: '', stderr: '' });
});

real.test('a serial that changes nothing of what was chosen is no such case', async () => {
  expect((await copy(master, '--repository', 'app/one')).code).toBe(0);
  await layTree(master, {
    repositories: [{ name: 'app/one', tags: {}, blobs: [Buffer.from('one')], channel: 'stable' }],
  });
  expect(await copy(master, '--repository', 'app/one')).toMatchObject({ code: 0, stderr: '' });
  expect(here()).toEqual(['one']);
});
