import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { createInProcessRegistry, makeImage, makeLayer } from '@gantry/registry';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { embeddedConfiguration, gantry as command, startGantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { withLogs } from '../servers/process.ts';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** A file system that is full: what fits is synced, what doesn't is named, and it goes on as soon as there is room. */
const real = needs('tmpfs');

const AMD64 = { os: 'linux', architecture: 'amd64' };
const imageOf = (name: string, sizeBytes: number) =>
  makeImage({
    platform: AMD64,
    layers: [makeLayer([{ path: '/data', content: randomBytes(name, sizeBytes) }])],
  });

real.test(
  'a full store fails by name what does not fit and leaves no part of it; with room, a later sync goes on',
  async () => {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(await temporaryFolder('full-disk')).path;
    const store = path.join(folder, 'data', 'store');
    await mkdir(store, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'gantry-test', store]);
    opened.defer(async () => {
      await run('umount', ['--lazy', store]);
    });
    const registry = createInProcessRegistry();
    registry.push('disk/small', imageOf('small', 100_000), '1');
    registry.push('disk/large', imageOf('large', 12_000_000), '1');
    const { url } = opened.use(await registry.listen());
    const configuration = await embeddedConfiguration({ sources: [{ name: 'disk', registry: url }] });
    const gantry = opened.use(await startGantry({ folder, configuration }));
    try {
      expect(await gantry.api.sync('disk', ['disk/small'])).toMatchObject({ state: 'done' });
      const task = await gantry.api.sync('disk');
      expect(task).toMatchObject({ errors: [{ item: 'disk/large:1' }] });
      expect(['partial', 'failed']).toContain(task.state);
      expect(task.errors?.[0]?.problem.type).toBe('urn:gantry:problem:storage-full');
      expect((await gantry.api.candidates()).map(({ repository }) => repository)).toEqual(['disk/small']);
      const large = imageOf('large', 12_000_000).blobs[1]?.digest.slice('sha256:'.length);
      const names = (await readdir(store, { recursive: true })).map((name) => path.basename(name));
      expect(names).not.toContain(large);

      const promoted = await gantry.api.promote('stable', [{ repository: 'disk/small', reference: '1' }]);
      expect(promoted.state).toBe('done');

      await run('mount', ['-o', 'remount,size=64m', store]);
      expect(await gantry.api.sync('disk')).toMatchObject({ state: 'done', errors: [] });
      const later = await gantry.api.promote('stable', [{ repository: 'disk/large', reference: '1' }]);
      expect(later.state).toBe('done');
      expect(await command(folder, ['verify', path.join(folder, 'data', 'tree'), '--deep'])).toMatchObject({
        code: 0,
      });
    } catch (error) {
      throw withLogs(error, [gantry]);
    }
  },
  120_000,
);

real.test(
  'a full tree is named, and leaves the old serial pullable; with room, the promotion that waits is published whole',
  async () => {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(await temporaryFolder('full-tree')).path;
    const tree = path.join(folder, 'data', 'tree');
    await mkdir(tree, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'gantry-test', tree]);
    opened.defer(async () => {
      await run('umount', ['--lazy', tree]);
    });
    const registry = createInProcessRegistry();
    registry.push('disk/small', imageOf('small', 100_000), '1');
    registry.push('disk/large', imageOf('large', 12_000_000), '1');
    const { url } = opened.use(await registry.listen());
    const configuration = await embeddedConfiguration({ sources: [{ name: 'disk', registry: url }] });
    const gantry = opened.use(await startGantry({ folder, configuration }));
    try {
      expect(await gantry.api.sync('disk')).toMatchObject({ state: 'done' });
      const small = await gantry.api.promote('stable', [{ repository: 'disk/small', reference: '1' }]);
      expect(small.state).toBe('done');
      const items = [{ repository: 'disk/large', reference: '1' }];
      const accepted = await gantry.api.call<{ id: string }>('POST', '/api/v1/promotions', {
        body: { items, to: 'stable' },
      });
      expect(accepted.status).toBe(202);
      const told = await until('the full tree to be told of', () =>
        gantry
          .log()
          .split('\n')
          .find((line) => line.includes('no space left')),
      );
      expect(told).toContain(`no space left for ${tree}/`);
      expect((await fetch(`http://${gantry.crane}/v2/disk/small/manifests/1`)).status).toBe(200);
      expect((await fetch(`http://${gantry.crane}/v2/disk/large/manifests/1`)).status).toBe(404);

      await run('mount', ['-o', 'remount,size=64m', tree]);
      expect(await gantry.api.promotionEnded(accepted.body.id)).toMatchObject({ state: 'done' });
      expect((await fetch(`http://${gantry.crane}/v2/disk/large/manifests/1`)).status).toBe(200);
      expect(await command(folder, ['verify', tree, '--deep', '--strict'])).toMatchObject({ code: 0 });
      const onTheirWay = await readdir(path.join(tree, '.tmp'), { recursive: true, withFileTypes: true });
      expect(onTheirWay.filter((entry) => !entry.isDirectory())).toEqual([]);
    } catch (error) {
      throw withLogs(error, [gantry]);
    }
  },
  120_000,
);
