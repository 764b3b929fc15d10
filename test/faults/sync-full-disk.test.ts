import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { createInProcessRegistry, makeImage, makeLayer } from '@gantry/registry';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { embeddedConfiguration, gantry, writeConfiguration } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** A store whose disk fills up in the midst of a sync: what fits stays whole, nothing else is left, and with room it is ended. */
const real = needs('tmpfs');

const image = (name: string, sizeBytes: number) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: '/data', content: randomBytes(`full ${name}`, sizeBytes) }])],
  });

real.test(
  'a disk that fills up in a sync leaves no temporary file; with space again the next sync completes, and fetches nothing again',
  async () => {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(await temporaryFolder('sync-full')).path;
    const store = path.join(folder, 'data', 'store');
    await mkdir(store, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'gantry-test', store]);
    opened.defer(async () => {
      await run('umount', ['--lazy', store]);
    });
    const registry = createInProcessRegistry({ referrersApi: false });
    const { url } = opened.use(await registry.listen());
    const sources = [{ name: 'disk', registry: url }];
    await writeConfiguration(folder, await embeddedConfiguration({ sources }));
    const files = async (place: string) =>
      (await readdir(path.join(store, place), { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(({ name }) => name);
    const blobsAsked = () =>
      registry.requests.filter(({ method, path: asked }) => method === 'GET' && asked.includes('/blobs/'));

    registry.push('disk/app', image('first', 2_000_000), '0');
    expect(await gantry(folder, ['sync', '--local'])).toMatchObject({ code: 0 });
    for (const number of [1, 2, 3, 4])
      registry.push('disk/app', image(`next ${number}`, 1_700_000), String(number));
    const full = await gantry(folder, ['sync', '--local']);
    expect(full.code).not.toBe(0);
    expect(full.stderr).toMatch(/disk|space/i);
    // Blobs that were cut off by the end of the sync, not by the disk, may be gone on with; they are no more than that.
    expect(await files('writing')).toEqual([]);
    const whole = new Set(await files('blobs'));
    expect(whole.size).toBeGreaterThan(2);

    await run('mount', ['-o', 'remount,size=64m', store]);
    registry.forgetRequests();
    expect(await gantry(folder, ['sync', '--local'])).toMatchObject({ code: 0 });
    const again = blobsAsked().filter(({ path: asked }) => whole.has(asked.split(':').at(-1) ?? ''));
    expect(again).toEqual([]);
    expect([await files('partial'), await files('writing')]).toEqual([[], []]);
    expect(await files('blobs')).toHaveLength(5 * 3);
  },
  120_000,
);
