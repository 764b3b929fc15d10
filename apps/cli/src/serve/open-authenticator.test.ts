import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openCatalog } from '@gantry/catalog';
import type { Flow } from '@gantry/pipeline';
import { loadConfiguration, makeToken } from '@gantry/service';
import { openAuthenticator } from './open-authenticator.ts';

const now = () => new Date('2026-11-21T09:00:00.000Z');

test('one name is one caller: a token that was made keeps one of the configuration from being called as it is', async () => {
  const cwd = await mkdtemp(path.join(tmpdir(), 'gantry-authenticator-'));
  await using resources = new AsyncDisposableStack();
  resources.defer(() => rm(cwd, { recursive: true }));
  await writeFile(
    path.join(cwd, 'gantry.yaml'),
    'api: { tokens: [{ name: ci, token: written-down, scopes: [read] }] }',
  );
  const { configuration } = await loadConfiguration({ cwd, env: {} });
  const catalog = resources.use(await openCatalog({ sqlite: { file: path.join(cwd, 'catalog.db') } }));
  const flow = { catalog, now, log: { info() {} } } as unknown as Flow;
  const { id, token, hash } = makeToken();
  const createdAt = now().toISOString();
  await catalog.tokens.create({
    id,
    name: 'ci',
    hash,
    scopes: ['sync'],
    groups: [],
    createdBy: 'admin',
    createdAt,
  });

  await expect(openAuthenticator(configuration, flow)).rejects.toMatchObject({
    code: 'CONFIGURATION_INVALID',
    message:
      'api.tokens: a token ci was made already, and one name is one caller: choose another, or take it out here and revoke that one',
  });

  await catalog.tokens.revoke(id, 'admin', createdAt);
  const { authenticator } = await openAuthenticator(configuration, flow);
  expect(await authenticator.identify('Bearer written-down')).toMatchObject({ name: 'ci', scopes: ['read'] });
  expect(await authenticator.identify(`Bearer ${token}`)).toBeUndefined();
});
