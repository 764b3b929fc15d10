import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLogger, loadConfiguration } from '@gantry/service';
import { layTree } from '@gantry/tree';
import { openFlow } from './open-flow.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-distinct-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

/** Opens what a service with two trees works on. @returns their names */
async function open(): Promise<readonly string[]> {
  const env = {
    GANTRY_TREE_FILESYSTEM_ROOT: './public',
    GANTRY_TREES: '{"internal":{"filesystem":{"root":"./internal"}}}',
    GANTRY_CHANNELS: '[{"name":"stable"},{"name":"inside","tree":"internal"}]',
  };
  const { configuration } = await loadConfiguration({ env, cwd });
  await using resources = new AsyncDisposableStack();
  const log = createLogger({ name: 'test', level: 'silent' });
  const { trees } = await openFlow(configuration, log, resources);
  return trees.map(({ name }) => name);
}

const inCwd = (name: string) => path.join(cwd, name);

describe('two trees', () => {
  test('in two folders are opened, with the channels of each', async () => {
    expect(await open()).toEqual(['main', 'internal']);
    expect(await open()).toEqual(['main', 'internal']);
  });

  test.each([
    [
      'one folder, by a symbolic link',
      async () => {
        await mkdir(inCwd('public'));
        await symlink(inCwd('public'), inCwd('internal'));
      },
    ],
    [
      'a copy of the other',
      async () => {
        await layTree(inCwd('public'), { repositories: [] });
        await cp(inCwd('public'), inCwd('internal'), { recursive: true });
      },
    ],
  ])('that are %s are refused, and named', async (_what, prepare) => {
    await prepare();
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(/^trees\.internal: what lies at \S+ is tree too, or a copy of it: /),
    });
  });
});
