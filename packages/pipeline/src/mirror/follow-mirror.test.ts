import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmod, cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Confirmation, MirrorState, OutboxEvent } from '@gantry/catalog';
import { makeImage, makeIndex, makeLayer } from '@gantry/registry';
import { blobPath, layTree, manifestPath, POINTER_PATH, readSigningKey, serialPath } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { WHOLE_BYTES } from './choose-sample.ts';
import { followMirror } from './follow-mirror.ts';
import type { FollowedMirror, MirrorContext } from './followed-mirror.ts';
import { type MirrorServer, startMirrorServer } from './mirror.fixture.ts';

const HOUR_MS = 3_600_000;
const AMD64 = { os: 'linux', architecture: 'amd64' };
/** More than is pulled whole. */
const LARGE = randomBytes(5 * 1024 * 1024).toString('hex');
const imageOf = (text: string) =>
  makeImage({ platform: AMD64, layers: [makeLayer([{ path: 'a', content: text }])] });
const TEXTS = ['1', '2', '3', LARGE];
const tagOf = (text: string) => (text === LARGE ? 'large' : text);

interface Scene extends AsyncDisposable {
  readonly fixture: FlowFixture;
  readonly server: MirrorServer;
  readonly master: string;
  readonly mirror: FollowedMirror;
  /** Publishes `app:TAG` as `app:latest`. */
  publish(tag: string): Promise<void>;
  copy(): Promise<void>;
  /** Looks at the mirror once, as the follower does. */
  look(change?: Partial<MirrorContext>, mirror?: Partial<FollowedMirror>): Promise<Looked>;
  later(ms: number): void;
}
interface Looked {
  readonly state: MirrorState;
  /** `serial state`, newest first. */
  readonly noted: readonly string[];
  /** `type serial` of the events. */
  readonly told: readonly string[];
}

async function openScene(): Promise<Scene> {
  const resources = new AsyncDisposableStack();
  const fixture = resources.use(await openFlow());
  for (const text of TEXTS) fixture.upstream.push('app', makeIndex([imageOf(text)]), tagOf(text));
  await fixture.sync();
  const server = resources.use(await startMirrorServer(path.join(fixture.root, 'mirror')));
  const master = path.join(fixture.root, 'tree');
  const mirror = { name: 'de1', url: server.url };
  const { catalog } = fixture.flow;
  const sentBefore = new Set<string>();
  const events = async () => {
    const all = await catalog.outbox.pending('9999', 1000);
    const fresh = all.filter(({ id, type }) => type.startsWith('mirror.') && !sentBefore.has(id));
    for (const { id } of fresh) sentBefore.add(id);
    return fresh.map(({ type, data }: OutboxEvent) => `${type} ${String(data['serial'])}`);
  };
  return {
    fixture,
    server,
    master,
    mirror,
    async publish(tag) {
      await fixture.promote({
        items: [{ repository: 'app', reference: tag, tags: ['latest'] }],
        to: 'stable',
      });
      await fixture.publisher.publishPending();
    },
    copy: () => server.copyFrom(master),
    async look(change = {}, changed = {}) {
      const [former] = await catalog.confirmations.mirrors('main');
      const { items } = await catalog.publications.list('main', { limit: 100 });
      const waiting = items.filter(({ serial }) => serial > (former?.confirmed ?? 0));
      const noted = new Map<number, Confirmation['state']>();
      for (const { serial } of waiting) {
        for (const { state } of await catalog.confirmations.of('main', serial)) noted.set(serial, state);
      }
      const context: MirrorContext = {
        flow: fixture.flow,
        tree: 'main',
        source: fixture.treeSource,
        channels: fixture.channels,
        rules: { everyMs: 30_000, lateAfterMs: HOUR_MS, sample: 5 },
        trustedKeys: [],
        ...change,
      };
      const { signal } = new AbortController();
      const known = { mirror: { ...mirror, ...changed }, former, waiting, noted };
      const { state, confirmations } = await followMirror(context, known, signal);
      expect(await catalog.confirmations.mirrors('main')).toEqual([state]);
      return {
        state,
        noted: confirmations.map((one) => `${one.serial} ${one.state}`),
        told: await events(),
      };
    },
    later(ms) {
      fixture.clock = new Date(fixture.clock.getTime() + ms);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Replaces a file of the mirror, whatever its mode. */
async function replace(scene: Scene, name: string, bytes: Uint8Array | string): Promise<void> {
  const file = path.join(scene.server.folder, name);
  await rm(file, { force: true });
  await writeFile(file, bytes);
}

const manifest = imageOf('1');

describe('a mirror', () => {
  test('is confirmed when it serves the serial, and what is new came with its own bytes and types', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    const { state, noted, told } = await scene.look();
    expect(state).toMatchObject({ mirror: 'de1', serial: 1, confirmed: 1, rightTypes: true });
    expect(state.problem).toBeUndefined();
    expect(state.latencyMs).toBeGreaterThanOrEqual(0);
    expect({ noted, told }).toEqual({ noted: ['1 confirmed'], told: ['mirror.confirmed 1'] });
    expect(scene.server.requests).toEqual(
      expect.arrayContaining([
        `GET ${POINTER_PATH}`,
        `GET ${manifestPath('oci-index', makeIndex([manifest]).digest)}`,
        `GET ${manifestPath('oci-manifest', manifest.digest)}`,
      ]),
    );
    expect(scene.server.requests.some((one) => one.startsWith('GET pool/blobs/'))).toBe(true);
  });

  test('that has all is asked for its pointer alone', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    await scene.look();
    scene.server.requests.length = 0;
    expect(await scene.look()).toMatchObject({ noted: [], told: [] });
    expect(scene.server.requests).toEqual([`GET ${POINTER_PATH}`]);
  });

  test('that looks for signatures is asked for each file by its signed address', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    const addressOf = (file: string) => `${scene.server.url}/${file}?signature=of-${file.length}`;
    const { state, noted } = await scene.look({}, { addressOf });
    expect([state.problem, noted]).toEqual([undefined, ['1 confirmed']]);
    const { requests } = scene.server;
    expect(requests.some((one) => one.startsWith('GET pool/'))).toBe(true);
    for (const one of requests) {
      const [file = '', signature] = one.replace('GET ', '').split('?signature=');
      expect(signature).toBe(`of-${file.length}`);
    }
  });

  test('that comes by several serials at once has all of them, and one event tells so', async () => {
    await using scene = await openScene();
    for (const tag of ['1', '2', '3']) await scene.publish(tag);
    await scene.copy();
    const { noted, told } = await scene.look();
    expect(noted).toEqual(['3 confirmed', '2 confirmed', '1 confirmed']);
    expect(told).toEqual(['mirror.confirmed 3']);
  });

  test('that does not come is late once, by the first serial that it lacks, until it has come', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    await scene.look();
    await scene.publish('2');
    expect(await scene.look()).toMatchObject({ noted: [], told: [], state: { serial: 1 } });
    scene.later(HOUR_MS + 1);
    await scene.publish('3');
    expect(await scene.look()).toMatchObject({ noted: ['2 late'], told: ['mirror.late 2'] });
    scene.later(HOUR_MS + 1);
    expect(await scene.look()).toMatchObject({ noted: ['3 late'], told: [] });
    await scene.copy();
    expect(await scene.look()).toMatchObject({
      noted: ['3 confirmed', '2 confirmed'],
      told: ['mirror.confirmed 3'],
      state: { confirmed: 3 },
    });
  });

  test('whose sample is wrong has failed, and is confirmed when it is mended', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    const name = manifestPath('oci-manifest', manifest.digest);
    const bytes = await readFile(path.join(scene.master, name));
    await replace(scene, name, Buffer.from(bytes).fill(32, 0, 1));
    const failed = await scene.look();
    expect(failed).toMatchObject({ noted: ['1 failed'], told: [], state: { serial: 1 } });
    expect(failed.state.problem?.detail).toContain(`${name} does not come with its own bytes`);
    expect(failed.state.confirmed).toBeUndefined();
    scene.later(HOUR_MS + 1);
    expect(await scene.look()).toMatchObject({ noted: ['1 late'], told: ['mirror.late 1'] });
    await replace(scene, name, bytes);
    expect(await scene.look()).toMatchObject({ noted: ['1 confirmed'], told: ['mirror.confirmed 1'] });
  });

  test('that lacks what it names has failed', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    await rm(path.join(scene.server.folder, 'pool/blobs'), { recursive: true });
    const { state } = await scene.look();
    expect(state.problem?.detail).toMatch(/pool\/blobs\/\S+ is answered with 404$/);
  });

  test('of a large blob is asked for its size and its beginning', async () => {
    await using scene = await openScene();
    const large = imageOf(LARGE).blobs.find(({ bytes }) => bytes.length > WHOLE_BYTES);
    if (large === undefined) throw new Error('the layer is large');
    const name = blobPath(large.digest);
    await scene.publish('large');
    await scene.copy();
    // Which blob of the image is chosen is chance.
    const chosen = async () => {
      for (;;) {
        scene.server.requests.length = 0;
        const looked = await scene.look();
        if (scene.server.requests.some((one) => one.endsWith(name))) return looked;
        await scene.fixture.flow.catalog.confirmations.putMirror({ ...looked.state, confirmed: 0 });
      }
    };
    expect((await chosen()).state.problem).toBeUndefined();
    expect(scene.server.requests).toEqual(expect.arrayContaining([`HEAD ${name}`, `GET ${name}`]));
    await chmod(path.join(scene.server.folder, name), 0o644);
    await truncate(path.join(scene.server.folder, name), 100);
    await scene.publish('1');
    await scene.publish('large');
    await cp(path.join(scene.master, 'pool/index'), path.join(scene.server.folder, 'pool/index'), {
      recursive: true,
    });
    await replace(scene, POINTER_PATH, await readFile(path.join(scene.master, POINTER_PATH)));
    expect((await chosen()).state.problem?.detail).toContain(`${name} has 100 bytes there, not `);
  });

  test('that serves manifests with another type has the serial, and it is said', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    scene.server.contentType = 'application/octet-stream';
    expect(await scene.look()).toMatchObject({ noted: ['1 confirmed'], state: { rightTypes: false } });
  });

  test('of a part is asked for what it carries alone', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    await rm(path.join(scene.server.folder, 'pool/blobs'), { recursive: true });
    const part = await scene.look({}, { repositories: ['other/**'] });
    expect(part).toMatchObject({ noted: ['1 confirmed'] });
    await scene.publish('2');
    await scene.copy();
    await rm(path.join(scene.server.folder, 'pool/blobs'), { recursive: true });
    expect(await scene.look({}, { repositories: ['ap*'] })).toMatchObject({ noted: ['2 failed'] });
  });
});

describe('what is no mirror of the tree is named:', () => {
  const refused: readonly [string, RegExp, (scene: Scene) => Promise<unknown>][] = [
    [
      'one that is gone',
      /^the mirror de1 \(http:\S+\) does not answer: connect ECONNREFUSED/,
      async (scene) => scene.server[Symbol.asyncDispose](),
    ],
    [
      'one without a pointer',
      /serial\/current.json is answered with 404$/,
      (scene) => rm(path.join(scene.server.folder, POINTER_PATH)),
    ],
    [
      'a page instead of a pointer',
      /de1 .*serial\/current.json/,
      (scene) => replace(scene, POINTER_PATH, '<html>'),
    ],
    [
      'another tree',
      /carries another tree: \S+, not /,
      async (scene) => {
        await layTree(path.join(scene.fixture.root, 'other'), { repositories: [] });
        const pointer = path.join(scene.fixture.root, 'other', POINTER_PATH);
        await replace(scene, POINTER_PATH, await readFile(pointer));
      },
    ],
    [
      'a fork',
      /is a fork: its serial 1 is not that of the tree$/,
      async (scene) => {
        const text = await readFile(path.join(scene.master, serialPath(1)), 'utf8');
        await replace(scene, POINTER_PATH, text.replace('T09:00:00Z', 'T08:00:00Z'));
      },
    ],
    [
      'a serial that the tree does not have yet',
      /is a fork: its serial 7 is above 1, the tree's own$/,
      async (scene) => {
        const text = await readFile(path.join(scene.master, serialPath(1)), 'utf8');
        await replace(scene, POINTER_PATH, text.replace('"serial":1,"sig', '"serial":7,"sig'));
      },
    ],
  ];

  test.each(refused)('%s', async (_, why, spoil) => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    await spoil(scene);
    const { state, noted } = await scene.look();
    expect(state.problem?.detail).toMatch(why);
    expect(noted.filter((note) => note.endsWith('confirmed'))).toEqual([]);
    scene.later(HOUR_MS + 1);
    expect(await scene.look()).toMatchObject({ noted: ['1 late'], told: ['mirror.late 1'] });
  });

  test('one that nobody has signed, when a key is trusted', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    const { state, noted } = await scene.look({ trustedKeys: [readSigningKey(pem, 'of the test')] });
    expect(state.problem?.detail).toMatch(/its serial 1 is refused: it is not signed/);
    expect(noted).toEqual(['1 failed']);
  });

  test('one that has gone back, and stays so', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.publish('2');
    await scene.copy();
    await scene.look();
    await replace(scene, POINTER_PATH, await readFile(path.join(scene.master, serialPath(1))));
    for (let time = 0; time < 2; time++) {
      const { state } = await scene.look();
      expect(state).toMatchObject({ serial: 1, confirmed: 2 });
      expect(state.problem?.detail).toMatch(/has gone back from serial 2 to 1$/);
    }
  });

  test('one that stands still for longer than its serial holds', async () => {
    await using scene = await openScene();
    await scene.publish('1');
    await scene.copy();
    await scene.look();
    scene.later(8 * 24 * HOUR_MS);
    await scene.publish('2');
    expect((await scene.look()).state.problem?.detail).toMatch(/its serial 1 expired at 2026-11-28/);
  });
});

test('when the tree itself can not be read, that is no fault of the mirror', async () => {
  await using scene = await openScene();
  await scene.publish('1');
  await scene.copy();
  await rm(path.join(scene.master, POINTER_PATH));
  await expect(scene.look()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await scene.fixture.flow.catalog.confirmations.mirrors('main')).toEqual([]);
});
