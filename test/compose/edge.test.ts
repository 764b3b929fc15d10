import { rm, writeFile } from 'node:fs/promises';
import { digestOf } from '@gantry/oci';
import { helloImage, push } from '../fixtures/build-registry.ts';
import { gantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { attempt } from '../servers/run.ts';
import { until } from '../servers/until.ts';
import { type Edge, type EdgeMirror, openEdge } from './edge.ts';

/** The balancer, the cranes, the rsync daemon and the mirrors of docker-compose.yml do together what it is for. */

let edge: Edge;
const real = needs('compose-spec', 'docker-registry', 'haproxy', 'nginx', 'rsync').showing(
  () => edge?.servers ?? [],
);

real.beforeAll(async () => {
  edge = await openEdge();
}, 90_000);
real.afterAll(async () => edge?.[Symbol.asyncDispose](), 60_000);

/** Pushes an image, waits until it is a candidate, and promotes it. @returns the serial */
async function release(name: string): Promise<number> {
  const image = helloImage(name, { format: 'oci' });
  await push({ url: edge.registry }, name, image, '1');
  await until(`${name}:1 to be a candidate`, async () =>
    (await edge.gantry.api.candidates()).some(({ repository }) => repository === name),
  );
  const { state, serial } = await edge.gantry.api.promote('stable', [{ repository: name, reference: '1' }]);
  if (state !== 'done' || typeof serial !== 'number') throw new Error(`the promotion ended ${state}`);
  return serial;
}

async function serialOf(mirror: EdgeMirror): Promise<number> {
  const metrics = await (await fetch(mirror.metrics)).text();
  return Number(/^gantry_mirror_serial (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

const follows = (mirror: EdgeMirror, serial: number) =>
  until(`${mirror.url} to have serial ${serial}`, async () => (await serialOf(mirror)) === serial);

/** What `gantry verify` says of a mirror, over HTTP. */
const verify = async (mirror: EdgeMirror, ...against: string[]) =>
  gantry(edge.folder, ['verify', mirror.url, '--deep', ...against]);

real.test(
  'a push is told to the API through the balancer, promoted, and both mirrors follow',
  async () => {
    const serial = await release('app');
    for (const mirror of edge.mirrors) {
      await follows(mirror, serial);
      const { code, stderr } = await verify(mirror, '--against', edge.tree);
      expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    }
    const { status } = await fetch(`${edge.api}/api/v1/candidates`);
    expect(status).toBe(401); // the API answers here, and asks for a token
  },
  60_000,
);

real.test(
  'a mirror whose line is cut in the middle of the pool stays whole at the serial before, and catches up',
  async () => {
    const [mirror, other] = edge.mirrors;
    const before = await serialOf(mirror);
    await writeFile(mirror.cut, '');
    const serial = await release('later');
    await follows(other, serial);
    expect(await serialOf(mirror)).toBe(before);
    const whole = await verify(mirror);
    expect([whole.code, whole.code === 0 ? '' : whole.stderr]).toEqual([0, '']);
    await rm(mirror.cut);
    await follows(mirror, serial);
    expect((await verify(mirror, '--against', edge.tree)).code).toBe(0);
  },
  60_000,
);

real.test(
  'pulls through the balancer are redirected to both mirrors, and go on when a crane is killed',
  async () => {
    const [killed, left] = edge.cranes;
    for (const crane of edge.cranes) {
      await until(`${crane.name} to be ready`, async () => (await fetch(`${crane.admin}/readyz`)).ok);
    }
    // Which mirror a blob is at home at goes by its digest, so there are many.
    const blobs: Uint8Array[] = [];
    for (let number = 0; number < 16; number += 1) {
      const image = helloImage(`many ${number}`, { format: 'oci' });
      await push({ url: edge.registry }, 'many', image, String(number));
      blobs.push(image.blobs[0]?.bytes ?? Buffer.alloc(0));
    }
    await until('all to be candidates', async () => (await edge.gantry.api.candidates()).length === 18);
    const items = blobs.map((_, number) => ({ repository: 'many', reference: String(number) }));
    const { serial } = await edge.gantry.api.promote('stable', items);
    for (const mirror of edge.mirrors) await follows(mirror, serial ?? 0);
    const places = new Map<string, number>();
    const pull = async (number: number) => {
      const digest = digestOf(blobs[number % blobs.length] ?? Buffer.alloc(0));
      const answer = await fetch(`${edge.pulls}/v2/many/blobs/${digest}`, { redirect: 'manual' });
      await answer.body?.cancel();
      const to = answer.headers.get('location');
      return `${answer.status} ${to === null ? 'no location' : new URL(to).host}`;
    };
    // A mirror that was behind is probed again a few seconds later.
    await until('both mirrors to be redirected to, by both cranes', async () => {
      const seen = await Promise.all(Array.from({ length: 64 }, (_, number) => pull(number)));
      return edge.mirrors.every(
        ({ url }) => seen.filter((place) => place === `302 ${new URL(url).host}`).length >= 8,
      );
    });
    for (let number = 0; number < 200; number += 1) {
      if (number === 50) void killed.kill('SIGKILL');
      const place = await pull(number);
      places.set(place, (places.get(place) ?? 0) + 1);
    }
    const hosts = [...edge.mirrors.map(({ url }) => url), edge.origin].map(
      (url) => `302 ${new URL(url).host}`,
    );
    expect(new Set(places.keys()).difference(new Set(hosts))).toEqual(new Set());
    expect([...places.values()].reduce((sum, count) => sum + count)).toBe(200);
    expect((await killed.ended).signal).toBe('SIGKILL');
    for (const bytes of blobs) {
      const pulled = await fetch(`${edge.pulls}/v2/many/blobs/${digestOf(bytes)}`);
      expect(digestOf(new Uint8Array(await pulled.arrayBuffer()))).toBe(digestOf(bytes));
    }
    const metrics = await (await fetch(`${edge.own}/metrics`)).text();
    expect(metrics).toContain('haproxy_server_status');
    expect((await fetch(`${left.admin}/readyz`)).status).toBe(200);
  },
  60_000,
);

real.test(
  'the rsync daemon shows the tree alone, takes nothing, and hashes nothing for callers',
  async () => {
    const { stdout } = await attempt('rsync', ['--recursive', `${edge.rsync}/`]);
    expect(stdout).toContain('serial/current.json');
    expect(stdout).not.toContain('.tmp');
    const mine = `${edge.folder}/gantry.yaml`;
    const write = await attempt('rsync', [mine, `${edge.rsync}/serial/current.json`]);
    expect([write.code === 0, write.stderr]).toEqual([false, expect.stringContaining('read only')]);
    const checksum = await attempt('rsync', [
      '--archive',
      '--checksum',
      `${edge.rsync}/`,
      `${edge.folder}/copy`,
    ]);
    expect([checksum.code === 0, checksum.stderr]).toEqual([false, expect.stringContaining('--checksum')]);
  },
);
