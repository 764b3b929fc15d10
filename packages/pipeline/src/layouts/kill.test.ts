import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, cp, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf, parseManifest } from '@gantry/oci';
import { makeImage, makeIndex, makeLayer } from '@gantry/registry';
import { laid, type LayoutPlace, openLayoutPlace } from './layouts.fixture.ts';

const CHILD = fileURLToPath(new URL('kill.child.ts', import.meta.url));
const image = (text: string, format: 'docker' | 'oci' = 'oci') =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'hello', content: text }])],
    format,
  });
const BEFORE = [
  laid('app', { stays: image('stays'), moves: image('old', 'docker') }),
  laid('gone', { x: image('gone') }),
];
const AFTER = [
  laid('app', { stays: image('stays'), moves: makeIndex([image('new')]) }),
  laid('team/new', { x: image('stays') }),
];

/** Runs an update that is killed after so many changes. @returns whether it was, as it had so many */
async function killAfter(place: LayoutPlace, changes: number): Promise<boolean> {
  const child = spawn(process.execPath, [CHILD, place.root, 'registry', String(changes)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (signal === null && code !== 0) throw new Error(`the child ended with ${code}`);
  return signal === 'SIGKILL';
}

/** Whatever a tag or a digest leads to is there, whole. */
async function expectPullable(place: LayoutPlace): Promise<void> {
  for (const repository of ['app', 'gone', 'team/new']) {
    const folder = place.at(`registry/v2/${repository}`);
    for (const name of await readdir(`${folder}/manifests`).catch(() => [])) {
      const bytes = await readFile(`${folder}/manifests/${name}`);
      const { digest, blobs, manifests } = parseManifest(bytes);
      expect(name).toMatch(new RegExp(`^(${digest}|[^:]+)$`));
      for (const child of manifests) await access(`${folder}/manifests/${child.digest}`);
      for (const blob of blobs)
        expect(digestOf(await readFile(`${folder}/blobs/${blob.digest}`))).toBe(blob.digest);
    }
  }
}

/** All files of the layout but its state, with what they hold. */
async function contentOf(place: LayoutPlace): Promise<Record<string, string>> {
  const files = (await place.files('registry')).filter((file) => !file.startsWith('.'));
  const content = files.map(
    async (file) => [file, digestOf(await readFile(place.at(`registry/${file}`)))] as const,
  );
  return Object.fromEntries(await Promise.all(content));
}

test('killed after any number of changes, all that is there can be pulled, and the next update completes', async () => {
  await using place = await openLayoutPlace();
  await place.lay(...BEFORE);
  const layouts = await place.open({ layouts: ['registry'] });
  await layouts.follow();
  const saved = path.join(place.root, 'saved');
  await cp(place.at('registry'), saved, { recursive: true });
  await place.lay(...AFTER);
  await layouts.follow();
  const whole = await contentOf(place);

  let changes = 1;
  for (; ; changes++) {
    await place.restore(saved);
    const killed = await killAfter(place, changes);
    await expectPullable(place);
    if (!killed) break;
    await layouts.follow();
    expect(await contentOf(place)).toEqual(whole);
    expect((await place.files('registry')).filter((file) => file.startsWith('.'))).toEqual(['.gantry.json']);
  }
  expect(changes).toBeGreaterThan(20);
  expect(await contentOf(place)).toEqual(whole);
}, 180_000);
