import { generateKeyPairSync } from 'node:crypto';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { layTree, POINTER_PATH, readPublicKey, readSigningKey, type SigningKey } from '@gantry/tree';
import type { Crane } from './crane.ts';
import {
  ask,
  repositoryOf,
  sampleImage,
  startMirror,
  startTestCrane,
  temporaryFolder,
  testLog,
  until,
} from './crane.fixture.ts';

const newKey = () =>
  readSigningKey(
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'of the test',
  );
const [OLD, NEXT, STRANGER] = [newKey(), newKey(), newKey()];
const reader = (key: SigningKey) => readPublicKey(key.pem, 'of the crane');

const image = sampleImage();
const lay = (tree: string, tag: string, signing: readonly SigningKey[]) =>
  layTree(tree, { repositories: [repositoryOf('app', { [tag]: image })], signing });

async function statusOf(crane: Crane, tag: string): Promise<number> {
  return (await ask(crane, `/v2/app/manifests/${tag}`, { method: 'HEAD' })).status;
}

/** How often the tree was refused for its signature. */
async function refusals(crane: Crane): Promise<number> {
  const text = await (await fetch(`${crane.adminUrl}/metrics`)).text();
  const [, count = '0'] =
    /^gantry_crane_reload_failures_total\{.*reason="signature".*\} (\d+)$/m.exec(text) ?? [];
  return Number(count);
}

/** Changes the pointer where it lies, as somebody may who can write to the tree. */
async function tamper(tree: string, change: (pointer: string) => string): Promise<void> {
  const file = path.join(tree, POINTER_PATH);
  const pointer = await readFile(file, 'utf8');
  await rm(file);
  await writeFile(file, change(pointer));
}

describe('a crane with trusted keys', () => {
  test.each([
    ['unsigned', async (tree: string) => void (await lay(tree, 'evil', [])), /it is not signed/],
    [
      'signed by a stranger',
      async (tree: string) => void (await lay(tree, 'evil', [STRANGER])),
      /signed by "[0-9a-f]{64}" alone/,
    ],
    [
      'whose pointer was changed',
      async (tree: string) => tamper(tree, (pointer) => pointer.replace('"serial":1', '"serial":2')),
      /the signature by [0-9a-f]{64} is not of these bytes/,
    ],
  ])(
    'keeps the last good serial when one comes that is %s, says so, and counts it',
    async (_, publish, said) => {
      await using folder = await temporaryFolder();
      const logger = testLog();
      await lay(folder.path, 'good', [OLD]);
      await using crane = await startTestCrane({
        tree: folder.path,
        adminListen: { host: '127.0.0.1', port: 0 },
        trustedKeys: [reader(OLD)],
        logger,
      });
      expect([crane.serial(), await refusals(crane)]).toEqual([1, 0]);

      await publish(folder.path);
      await crane.refresh();
      expect([crane.serial(), await statusOf(crane, 'good'), await statusOf(crane, 'evil')]).toEqual([
        1, 200, 404,
      ]);
      expect(logger.lines).toContainEqual({ level: 'error', message: expect.stringMatching(said) as string });
      expect(await refusals(crane)).toBeGreaterThan(0);
    },
  );

  test('serves nothing of a tree that is not signed, and is not ready', async () => {
    await using folder = await temporaryFolder();
    await lay(folder.path, 'evil', []);
    await using crane = await startTestCrane({
      tree: folder.path,
      adminListen: { host: '127.0.0.1', port: 0 },
      trustedKeys: [reader(OLD)],
    });
    expect([crane.serial(), await statusOf(crane, 'evil')]).toEqual([undefined, 503]);
    expect((await fetch(`${crane.adminUrl}/readyz`)).status).toBe(503);
    await lay(folder.path, 'good', [OLD]);
    await until(async () => (await statusOf(crane, 'good')) === 200);
  });

  test('goes along while keys are changed: the old one, both, the next one', async () => {
    await using folder = await temporaryFolder();
    await lay(folder.path, 'a', [OLD]);
    await using crane = await startTestCrane({ tree: folder.path, trustedKeys: [reader(OLD), reader(NEXT)] });
    for (const [tag, signing] of [
      ['b', [OLD, NEXT]],
      ['c', [NEXT]],
    ] as const) {
      await lay(folder.path, tag, signing);
      await crane.refresh();
      expect(await statusOf(crane, tag)).toBe(200);
    }
  });

  test('sends nobody to a mirror whose serial is not signed', async () => {
    await using folder = await temporaryFolder();
    await lay(folder.path, 'a', [OLD]);
    await using good = await startMirror();
    await using bad = await startMirror();
    await good.copyFrom(folder.path);
    await cp(path.join(folder.path, 'pool'), path.join(bad.directory, 'pool'), { recursive: true });
    await lay(bad.directory, 'a', []);
    await lay(bad.directory, 'a', []); // above the crane's own serial, which it claims to have
    const logger = testLog();
    await using crane = await startTestCrane({
      tree: folder.path,
      trustedKeys: [reader(OLD)],
      mirrors: [
        { name: 'good', url: good.url },
        { name: 'bad', url: bad.url },
      ],
      logger,
    });
    await until(() =>
      logger.lines.some(({ message }) => /not used: its serial 2 is refused: it is not signed/.test(message)),
    );
    await until(async () => (await ask(crane, `/v2/app/blobs/${image.layer}`)).status === 302);
    for (let pull = 0; pull < 20; pull++) {
      const location = (await ask(crane, `/v2/app/blobs/${image.layer}`)).headers.get('location');
      expect(location?.startsWith(good.url)).toBe(true);
    }
  });
});
