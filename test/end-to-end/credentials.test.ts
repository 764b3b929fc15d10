import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CANDIDATES, fill, helloImage, type Repository } from '../fixtures/build-registry.ts';
import { REGISTRY_ACCOUNT, startDockerRegistry } from '../servers/docker-registry.ts';
import { embeddedConfiguration, startGantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { withLogs } from '../servers/process.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** A build registry that lets nobody in without an account. */
const real = needs('docker-registry');
const image = helloImage('secret');
const content: Repository[] = [{ name: `${CANDIDATES}secret`, tags: new Map([['1', image]]) }];

real.test(
  'a registry with accounts is synced by a password from a file, refused without or with a wrong one, and no log shows it',
  async () => {
    await using folder = await temporaryFolder('credentials');
    await using registry = await startDockerRegistry({ auth: true });
    await fill({ url: registry.url, account: REGISTRY_ACCOUNT }, content);
    const { username, password } = REGISTRY_ACCOUNT;
    const wrong = 'not-the-password';
    await writeFile(path.join(folder.path, 'right'), `${password}\n`, { mode: 0o600 });
    await writeFile(path.join(folder.path, 'wrong'), wrong, { mode: 0o600 });
    const source = (name: string, credentials?: object) => ({
      name,
      registry: registry.url,
      rename: { from: '^candidate/', to: `${name}/` },
      ...(credentials === undefined ? {} : { credentials }),
    });
    const configuration = await embeddedConfiguration({
      sources: [
        source('right', { username, passwordFile: './right' }),
        source('wrong', { username, passwordFile: './wrong' }),
        source('none'),
      ],
    });
    await using gantry = await startGantry({ folder: folder.path, configuration });
    try {
      expect(await gantry.api.sync('right')).toMatchObject({ state: 'done' });
      const candidates = await gantry.api.candidates();
      expect(candidates.map(({ repository, digest }) => ({ repository, digest }))).toEqual([
        { repository: 'right/secret', digest: image.digest },
      ]);
      for (const name of ['wrong', 'none']) {
        const refused = await gantry.api.sync(name);
        expect(refused).toMatchObject({
          state: 'failed',
          errors: [{ problem: { type: 'urn:gantry:problem:source-refused' } }],
        });
        expect(refused.errors?.[0]?.problem.detail).toContain(name);
      }
      for (const secret of [password, wrong]) expect(gantry.log()).not.toContain(secret);
    } catch (error) {
      throw withLogs(error, [registry, gantry]);
    }
  },
  60_000,
);
