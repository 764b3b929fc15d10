import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startCrane } from '@gantry/app-crane';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** File systems below a directory of redirect files that come and go, as those of file servers do. */
const real = needs('tmpfs');

async function openScene() {
  await using resources = new AsyncDisposableStack();
  const mounted: string[] = [];
  const data = path.join(resources.use(await temporaryFolder('redirect-mount')).path, 'data');
  const put = async (place: string, name: string) => {
    const file = { version: 2, repository: 'r', 'repo-registry-id': name, url: 'http://cdn.example/r' };
    await mkdir(path.dirname(path.join(data, place)), { recursive: true });
    await writeFile(path.join(data, place), JSON.stringify(file));
  };
  const mount = async (place: string) => {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'gantry-test', path.join(data, place)]);
    mounted.push(place);
  };
  const unmount = async (place: string) => {
    await run('umount', ['--lazy', path.join(data, place)]);
    mounted.splice(mounted.indexOf(place), 1);
  };
  resources.defer(async () => {
    for (const place of mounted.toReversed()) await unmount(place);
  });
  await put('top.json', 'team/top');
  await put('plain/one.json', 'team/plain');
  await put('covered/deep/one.json', 'team/covered');
  await mkdir(path.join(data, 'mounted'));
  await mount('mounted');
  await put('mounted/deep/one.json', 'team/mounted');

  const lines: string[] = [];
  const log = (_: object, message?: string) => void lines.push(message ?? '');
  const crane = resources.use(
    await startCrane({
      listen: { host: '127.0.0.1', port: 0 },
      adminListen: { host: '127.0.0.1', port: 0 },
      redirectJson: { directories: [data], cdn: {} },
      pollMs: 1000,
      status: 302,
      manifests: 'auto',
      mirrors: [],
      logger: { info: log, warn: log, error: log },
    }),
  );
  const isServed = async (name: string) =>
    (await fetch(`${crane.url}/v2/${name}/tags/list`, { redirect: 'manual' })).status === 302;
  const lost = async () => {
    const text = await (await fetch(`${crane.adminUrl}/metrics`)).text();
    return Number(/^gantry_crane_redirect_directories_lost\S* (\d+)$/m.exec(text)?.[1]);
  };
  await until('all to be read', () => isServed('team/mounted'));
  const open = resources.move();
  return {
    data,
    put,
    mount,
    unmount,
    lines,
    isServed,
    lost,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

real.test(
  'a file system below a directory of redirect files that is unmounted, or covered by an empty one, is served on',
  async () => {
    await using scene = await openScene();
    const { isServed, lost, lines } = scene;
    await scene.mount('covered');
    await scene.unmount('mounted');
    await until('both to be missed', async () => (await lost()) === 2);
    expect(lines.filter((line) => line.includes('what was read of it before is served on'))).toHaveLength(2);
    // Files that were to go would be gone by the time that one which is removed later is.
    await rm(path.join(scene.data, 'plain'), { recursive: true });
    await until('what was removed to be gone', async () => !(await isServed('team/plain')));
    expect([await isServed('team/covered'), await isServed('team/mounted')]).toEqual([true, true]);

    await scene.unmount('covered');
    await rm(path.join(scene.data, 'mounted'), { recursive: true });
    await until('what was covered to be back', async () => (await lost()) === 1);
    expect([await isServed('team/covered'), await isServed('team/mounted')]).toEqual([true, true]);

    await mkdir(path.join(scene.data, 'mounted'));
    await scene.mount('mounted');
    await scene.put('mounted/other.json', 'team/other');
    await until('what is mounted anew to be read', () => isServed('team/other'));
    await until('what it lacks to be gone', async () => !(await isServed('team/mounted')));
    expect([await lost(), await isServed('team/covered'), await isServed('team/top')]).toEqual([
      0,
      true,
      true,
    ]);
  },
  60_000,
);

real.test('a plain folder that is emptied is a deletion, and nothing is lost', async () => {
  await using scene = await openScene();
  const plain = path.join(scene.data, 'plain');
  await rename(path.join(plain, 'one.json'), path.join(scene.data, 'one.away'));
  await until('what was removed to be gone', async () => !(await scene.isServed('team/plain')));
  expect([await scene.lost(), await scene.isServed('team/mounted')]).toEqual([0, true]);
});
