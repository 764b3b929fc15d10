import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { openPodman } from '../clients/podman.ts';
import { openSkopeo } from '../clients/skopeo.ts';
import type { Configuration } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { until } from '../servers/until.ts';
import { digestOfPulp, type FromPulpWorld, OF_PULP, openFromPulpWorld } from './from-pulp-world.ts';

/**
 * The way of docs/from-pulp.md, as it stands there: its configurations, its commands, its proxy. From the end of step 1 on a client
 * pulls what was Pulp's all the time, and no pull fails or brings anything else.
 */

let world: FromPulpWorld;
const real = needs('docker-registry', 'nginx', 'haproxy', 'skopeo', 'podman').showing(
  () => world?.servers ?? [],
);
real.beforeAll(async () => {
  world = await openFromPulpWorld();
}, 120_000);
real.afterAll(async () => {
  await pulling?.end().catch(() => {});
  await world?.[Symbol.asyncDispose]();
}, 60_000);

/** Pulls all that was Pulp's again and again. */
function keepPulling(host: string) {
  const over = new AbortController();
  let count = 0;
  const pullAll = async () => {
    await using client = await openSkopeo();
    while (!over.signal.aborted)
      for (const { repository, reference } of OF_PULP) {
        const { digest } = await client.pull(`${host}/${repository}:${reference}`);
        expect([repository, digest]).toEqual([repository, digestOfPulp(repository, reference)]);
        count += 1;
      }
  };
  const pulled = pullAll();
  pulled.catch(() => over.abort());
  return {
    /** Fails as the first pull did that failed. */
    end: () => {
      over.abort();
      return pulled;
    },
    /** Until all were pulled once more, from the first request to the last. */
    round: async () => {
      const wanted = count + 2 * OF_PULP.length;
      await until('further pulls', () => over.signal.aborted || count >= wanted, { withinMs: 90_000 });
      if (over.signal.aborted) await pulled;
    },
  };
}
let pulling: ReturnType<typeof keepPulling> | undefined;

/** Where a crane sends who asks for a tag; else its status and answer. */
async function leadsTo(repository: string, tag: string): Promise<string> {
  const answer = await fetch(`http://${world.crane}/v2/${repository}/manifests/${tag}`, {
    redirect: 'manual',
    headers: { Accept: 'application/vnd.docker.distribution.manifest.v2+json' },
  });
  return answer.headers.get('location') ?? `${answer.status} ${await answer.text()}`;
}

real.test(
  '1. a crane beside the old one answers as that does, and takes its clients',
  async () => {
    const { block } = world.step('1.');
    const text = block('yaml');
    const configuration = parse(text) as Configuration;
    await world.commands(block('sh', 'config import'));
    const imported = parse(await readFile(path.join(world.folder, 'crane.yaml'), 'utf8')) as Configuration;
    expect(configuration.crane).toMatchObject({ ...imported.crane });
    await writeFile(path.join(world.folder, 'crane.yaml'), text);
    await world.startCranes(configuration);
    expect(await world.commands(block('sh', 'compare-cranes'))).toContain('36 asked, 0 differ');
    const proxy = block('haproxy');
    const both = await world.startProxy(proxy, true);
    await using podman = await openPodman();
    for (const { repository, reference } of OF_PULP) {
      const { digest } = await podman.pull(`${both}/${repository}:${reference}`);
      expect(digest).toBe(digestOfPulp(repository, reference));
    }
    pulling = keepPulling(await world.startProxy(proxy, false));
    await pulling?.round();
  },
  120_000,
);

real.test(
  '2. a tree beside the redirect files has a name that Pulp never had',
  async () => {
    const { block, configuration } = world.step('2.');
    await world.startPublisher(configuration());
    await world.startCranes(parse(block('yaml', 'redirectJson')) as Configuration);
    expect(await world.commands(block('sh'))).toContain('{"name":"team/app","tags":["1.0"]}');
    expect(await leadsTo('team/app', '1.0')).toContain('/pool/manifests/');
    expect(await leadsTo('web/httpd', '2.4')).toContain('/web/httpd/manifests/2/2.4');
    await pulling?.round();
  },
  120_000,
);

real.test(
  '3. what Pulp has moves into the tree, name by name, while it is pulled',
  async () => {
    const { block, configuration } = world.step('3.');
    await world.startPublisher(configuration());
    expect(await world.commands(block('sh', 'sync pulp'))).toContain('web/nginx');
    expect(await world.commands(block('sh', '--dry-run'))).toContain('web/httpd:latest');
    await until('the name to be of the tree', async () =>
      (await leadsTo('web/httpd', '2.4')).includes('/pool/manifests/'),
    );
    expect(await leadsTo('web/nginx', '1.25')).toContain('/web/nginx/manifests/2/1.25');
    await pulling?.round();
    await world.commands(block('sh', 'xargs'));
    await until('the other name, too', async () =>
      (await leadsTo('web/nginx', '1.25')).includes('/pool/manifests/'),
    );
    const said = await world.commands(block('sh', 'gantry diff'));
    expect(said).toMatch(/web\/httpd +2\.4 [^]*\n6 asked, 0 differ/);
    await pulling?.round();
  },
  120_000,
);

real.test(
  'the way back: the proxy sends a name to the old crane again',
  async () => {
    const { block } = world.step('3.');
    const [backend = '', frontend = ''] = block('haproxy').split('\n\nfrontend registry\n');
    const before = world.step('1.').block('haproxy');
    const proxy = await world.startProxy(
      `${backend}\n\n${before.replace('default_backend', `${frontend.trim()}\n    default_backend`)}`,
      true,
    );
    const at = async (name: string) => {
      const answer = await fetch(`http://${proxy}/v2/${name}/manifests/latest`, { redirect: 'manual' });
      return answer.headers.get('location');
    };
    expect(await at('web/httpd')).toContain('/web/httpd/manifests/');
    await using podman = await openPodman();
    const { digest } = await podman.pull(`${proxy}/web/httpd:2.4`);
    expect(digest).toBe(digestOfPulp('web/httpd', '2.4'));
  },
  120_000,
);

real.test(
  '4. redirect files are taken out, and nobody notices but by the errors',
  async () => {
    const { block } = world.step('4.');
    await until('all names to be in the tree', async () => (await world.commands(block('sh'))) === '');
    expect(await leadsTo('web/other', '1')).toContain('"code":"404"');
    await world.startCranes(parse(block('yaml')) as Configuration);
    await pulling?.round();
    await pulling?.end();
    expect(await leadsTo('web/other', '1')).toContain('"code":"NAME_UNKNOWN"');
    expect(await leadsTo('web/httpd', 'none')).toContain('"code":"MANIFEST_UNKNOWN"');
    await until('a search to find it', async () =>
      (await run('curl', ['-s', `http://${world.crane}/v1/search?q=nginx`])).includes('web/nginx'),
    );
  },
  120_000,
);
