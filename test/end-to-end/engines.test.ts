import { openSkopeo } from '../clients/skopeo.ts';
import type { Work } from '../clients/gantry-api.ts';
import { CANDIDATES, digestIn, everyKind, helloImage, push } from '../fixtures/build-registry.ts';
import { ADMIN_TOKEN } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { until } from '../servers/until.ts';
import { plainClient } from '../../packages/messages/src/contract/plain-client.ts';
import {
  ENGINE_PARTS,
  type EnginesWorld,
  openEnginesWorld,
  type PromoteService,
  SOURCE,
} from './engines-world.ts';

/** Two sync and two promote services and a crane, all processes of their own, on MongoDB, RabbitMQ and S3. */
const content = everyKind().filter(({ name }) => !/service-(?!0\d)/.test(name));
/** So long after its last word a worker is taken for gone, and somewhat more. */
const GONE_WITHIN_MS = 90_000;

/** For one test: several processes and servers share the machine. */
const LIMIT_MS = 120_000;

interface Worker {
  readonly service: string;
  readonly pid: number;
}
interface List<T> {
  readonly items: readonly T[];
}

let world: EnginesWorld;
const real = needs(...ENGINE_PARTS).showing(() => world?.servers() ?? []);

real.beforeAll(async () => {
  world = await openEnginesWorld(content);
}, 180_000);
real.afterAll(async () => world?.[Symbol.asyncDispose](), 120_000);

const first = () => world.promotes[0] as PromoteService;
const second = () => world.promotes[1] as PromoteService;
const list = async <T>(...words: string[]): Promise<readonly T[]> => {
  const { code, stdout, stderr } = await world.ask([...words, '--output', 'json']);
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
  return (JSON.parse(stdout) as List<T>).items;
};
const workers = () => list<Worker>('workers');
/** What a client gets that asks the crane for it: its digest. */
const pull = async (reference: string) => {
  await using skopeo = await openSkopeo();
  return (await skopeo.pull(`${world.crane.host}/${reference}`)).digest;
};
const served = (reference: string, tag: string) =>
  until(
    `the crane to serve ${reference}:${tag}`,
    async () =>
      (await fetch(`http://${world.crane.host}/v2/${reference}/manifests/${tag}`, { method: 'HEAD' })).ok,
  );
const release = async (of: PromoteService, repository: string, reference: string, to = 'stable') => {
  const ended = await of.api.promote(to, [{ repository, reference }]);
  expect(ended).toMatchObject({ state: 'done', items: [{ repository, reference, state: 'done' }] });
  return ended;
};

/** The tree, or the configured one, is what its root says, blobs and all. */
const verify = async (...tree: string[]) => {
  const { code, stdout, stderr } = await world.ask(['verify', ...tree, '--deep']);
  expect([code, code === 0 ? '' : stderr, stdout]).toEqual([
    0,
    '',
    expect.stringContaining('is what its root says'),
  ]);
};

real.test(
  'each says that it is there, and what it works on answers',
  async () => {
    const there = (await workers()).map(({ service, pid }) => `${service} ${pid}`);
    const expected = [...world.promotes, ...world.syncs].map(
      ({ name, pid }) => `${name.replace('gantry serve ', '')} ${pid}`,
    );
    expect(there.toSorted()).toEqual(expected.toSorted());
    for (const { admin, name } of [...world.promotes, ...world.syncs]) {
      const { checks } = (await (await fetch(`${admin}/readyz`)).json()) as { checks: object };
      const publishes = name.endsWith('promote');
      expect(checks).toEqual({
        catalog: 'ok',
        messages: 'ok',
        storage: 'ok',
        ...(publishes && { tree: 'ok' }),
      });
    }
    expect((await list<{ name: string }>('queues')).map(({ name }) => name)).toEqual([
      'gantry.commands',
      'gantry.promote',
      'gantry.sync',
    ]);
  },
  LIMIT_MS,
);

real.test(
  'a sync that one API is asked for is done by a worker, and the other API knows of it',
  async () => {
    expect(await first().api.sync(SOURCE)).toMatchObject({ state: 'done', errors: [] });
    const tags = (await second().api.candidates()).map(({ repository, tag }) => `${repository}:${tag}`);
    expect(tags).toContain('multi/index:1');
    const figures = await Promise.all(
      world.syncs.map(async ({ admin }) => (await fetch(`${admin}/metrics`)).text()),
    );
    const taken = figures.filter((text) =>
      /^gantry_sync_tags_total\{.*verdict="taken".*\} [1-9]/m.test(text),
    );
    expect(taken).toHaveLength(1);
  },
  LIMIT_MS,
);

real.test(
  'promotions at both APIs at once are each published once, and pulled by a client',
  async () => {
    const names = Array.from({ length: 10 }, (_, at) => `team/service-0${at}`);
    await Promise.all(names.map((name, at) => release(at % 2 === 0 ? first() : second(), name, 'stable')));
    await served('team/service-09', 'stable');
    await served('team/service-00', 'stable');
    expect(await pull('team/service-00:stable')).toBe(digestIn(content, 'team/service-00', 'stable'));
    expect(await pull('team/service-09:stable')).toBe(digestIn(content, 'team/service-09', 'stable'));
    await verify(world.mirror.url);
  },
  LIMIT_MS,
);

real.test(
  'a message on the exchange promotes too, once however often it comes',
  async () => {
    await using client = await plainClient(world.broker.url());
    const command = {
      specversion: '1.0',
      id: 'build-4711',
      source: 'https://ci.example.org',
      type: 'command.promote',
      data: { items: [{ repository: 'multi/index', reference: '1' }], to: 'stable' },
    };
    for (let n = 0; n < 3; n++)
      await client.publish('gantry', 'command.promote', JSON.stringify(command), {
        contentType: 'application/cloudevents+json',
      });
    await served('multi/index', '1');
    expect(await pull('multi/index:1')).toBe(digestIn(content, 'multi/index', '1'));
    const { body } = await second().api.call<List<Work & { requestedBy: string }>>(
      'GET',
      '/api/v1/promotions?limit=1000',
    );
    const asked = body.items.filter(({ requestedBy }) => requestedBy === 'message https://ci.example.org');
    expect(asked).toHaveLength(1);
  },
  LIMIT_MS,
);

real.test(
  'a message that nobody can read is parked, seen, and thrown away',
  async () => {
    await using client = await plainClient(world.broker.url());
    await client.publish('gantry', 'command.sync', 'this is not JSON');
    const letter = await until('the message to be parked', async () => {
      const [found] = await list<{ id: string; text: string; event: null }>('dead-letters');
      return found;
    });
    expect(letter).toMatchObject({ queue: 'gantry.commands', event: null, text: 'this is not JSON' });
    const queues = await list<{ name: string; dead: number }>('queues');
    expect(queues).toContainEqual(expect.objectContaining({ name: 'gantry.commands', dead: 1 }));
    const figures = await fetch(`${first().admin}/metrics`, {
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(await figures.text()).toMatch(
      /^gantry_queue_messages\{queue="gantry.commands",state="dead".*\} 1$/m,
    );
    expect(await world.ask(['dead-letters', 'discard', letter.id])).toMatchObject({
      code: 0,
      stdout: '1 message of gantry.commands discarded\n',
    });
    expect(await list('dead-letters')).toEqual([]);
  },
  LIMIT_MS,
);

real.test(
  'killed workers are followed by the others: a sync and promotions under way come to their end',
  async () => {
    const [sync] = world.syncs;
    const killed = [sync?.pid, second().pid];
    const repositories = Array.from({ length: 6 }, (_, at) => `late/app-${at}`);
    for (const name of repositories)
      await push(world.registry, `${CANDIDATES}${name}`, helloImage(name), '1');
    const asked = await first().api.call<Work>('POST', '/api/v1/syncs', { body: { source: SOURCE } });
    await sync?.kill('SIGKILL');
    expect(await first().api.taskEnded(asked.body.id)).toMatchObject({ state: 'done', errors: [] });

    const accepted = await Promise.all(
      repositories.map(async (repository) => {
        const { body } = await second().api.call<Work>('POST', '/api/v1/promotions', {
          body: { items: [{ repository, reference: '1' }], to: 'stable' },
        });
        return body.id;
      }),
    );
    await second().kill('SIGKILL');
    for (const id of accepted)
      expect(await first().api.promotionEnded(id)).toMatchObject({ id, state: 'done' });
    await served('late/app-5', '1');
    expect(await pull('late/app-5:1')).toBe(helloImage('late/app-5').digest);
    await verify(world.mirror.url);

    await until(
      'the killed workers to be taken for gone',
      async () => (await workers()).every(({ pid }) => !killed.includes(pid)),
      { withinMs: GONE_WITHIN_MS },
    );
    expect(await workers()).toHaveLength(2);
  },
  LIMIT_MS,
);

real.test(
  'more workers are one command each',
  async () => {
    await world.startSync();
    const third = await world.startPromote();
    expect(await workers()).toHaveLength(4);
    expect(await third.api.sync(SOURCE)).toMatchObject({ state: 'done' });
    await release(third, 'charts/web', '0.1.0');
    // One that ends in order is not waited for.
    await third.stop();
    expect((await workers()).map(({ pid }) => pid)).not.toContain(third.pid);
  },
  LIMIT_MS,
);

real.test(
  '`gantry verify` without a tree reads the configured bucket, and commands work on the engines themselves',
  async () => {
    await verify();
    const local = await world.ask(['promote', 'plain/oci:v1.2.3', '--to', 'stable', '--local', '--wait']);
    expect([local.code, local.stdout]).toEqual([0, expect.stringContaining('done')]);
    await served('plain/oci', 'v1.2.3');
  },
  LIMIT_MS,
);

real.test(
  'readiness says which engine does not answer',
  async () => {
    await world.s3.kill('SIGKILL');
    const answer = await until('readiness to say so', async () => {
      const response = await fetch(`${first().admin}/readyz`);
      if (response.status !== 503) return undefined;
      return (await response.json()) as { checks: Record<string, string> };
    });
    expect(answer.checks).toMatchObject({ catalog: 'ok', messages: 'ok' });
    expect(answer.checks['storage']).not.toBe('ok');
    expect(JSON.stringify(answer)).not.toContain(world.s3.credentials.secretAccessKey);
    await world.s3.restart();
    await until('readiness to come back', async () => (await fetch(`${first().admin}/readyz`)).ok, {
      withinMs: 60_000,
    });
    await release(first(), 'multi/list', '1');
  },
  LIMIT_MS,
);

real.test(
  'nothing of a log holds a secret',
  async () => {
    const logs = world.servers().filter(({ name }) => name.startsWith('gantry'));
    expect(logs.length).toBeGreaterThan(5);
    for (const { log } of logs) {
      expect(log()).not.toContain(world.s3.credentials.secretAccessKey);
      expect(log()).not.toContain(new URL(world.broker.url()).password);
    }
  },
  LIMIT_MS,
);
