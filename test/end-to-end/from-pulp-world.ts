import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { fill, helloImage, type Repository } from '../fixtures/build-registry.ts';
import { startDockerRegistry } from '../servers/docker-registry.ts';
import { freePorts } from '../servers/free-port.ts';
import {
  ADMIN_TOKEN,
  type Configuration,
  embeddedConfiguration,
  type Gantry,
  GANTRY_BIN,
  startGantry,
} from '../servers/gantry.ts';
import { startHaproxy } from '../servers/haproxy.ts';
import { startNginx } from '../servers/nginx.ts';
import type { ServerProcess } from '../servers/process.ts';
import { startPulpCrane } from '../servers/pulp-crane.ts';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What is in Pulp, and what the build registry has for step 2. */
const CONTENT: readonly Repository[] = [
  { name: 'former/web/httpd', tags: new Map([image('httpd', '2.4'), image('httpd, later', 'latest')]) },
  { name: 'former/web/nginx', tags: new Map([image('nginx', '1.25'), image('nginx', 'latest')]) },
  { name: 'candidate/team/app', tags: new Map([image('app', '1.0')]) },
];
export const OF_PULP = [
  { repository: 'web/httpd', reference: '2.4' },
  { repository: 'web/httpd', reference: 'latest' },
  { repository: 'web/nginx', reference: '1.25' },
  { repository: 'web/nginx', reference: 'latest' },
] as const;

/** The digest of what Pulp had under a name. */
export function digestOfPulp(repository: string, tag: string): string | undefined {
  return CONTENT.find(({ name }) => name === `former/${repository}`)?.tags.get(tag)?.digest;
}

function image(name: string, tag: string) {
  return [tag, helloImage(name, { format: 'docker' })] as const;
}

/** A section of the guide: its blocks, with addresses and folders of this run. */
export interface Step {
  /** The first block of a language that has this text. */
  readonly block: (language: string, having?: string) => string;
  readonly configuration: () => Configuration;
}

/**
 * The machines of docs/from-pulp.md: where Pulp stands in the guide, it is the layout `pulp` of another Gantry behind the shipped
 * rules; where the old Crane stands, its rules, written down anew.
 */
export interface FromPulpWorld extends AsyncDisposable {
  /** Where the guide's files lie, and its commands run. */
  readonly folder: string;
  /** @param title of a section */
  readonly step: (title: string) => Step;
  /** Runs commands of the guide, each of which must succeed; gives what they say. */
  readonly commands: (block: string) => Promise<string>;
  /** Starts each of the two cranes anew, one after the other. */
  readonly startCranes: (configuration: Configuration) => Promise<void>;
  /** Starts the publisher anew. */
  readonly startPublisher: (configuration: Configuration) => Promise<void>;
  /** The guide's proxy before the old Crane and the new ones, or the new ones alone; `127.0.0.1:PORT` of it. */
  readonly startProxy: (block: string, withOldCrane: boolean) => Promise<string>;
  /** `127.0.0.1:PORT` of the first of the two cranes. */
  readonly crane: string;
  /** All servers, to show their logs. */
  readonly servers: readonly ServerProcess[];
}

export async function openFromPulpWorld(): Promise<FromPulpWorld> {
  await using opened = new AsyncDisposableStack();
  const servers: ServerProcess[] = [];
  const kept = <T extends ServerProcess>(server: T): T => {
    servers.push(server);
    return opened.use(server);
  };
  const folder = opened.use(await temporaryFolder('from-pulp')).path;
  const at = (...names: string[]) => path.join(folder, ...names);
  const guide = await readFile(path.join(root, 'docs/from-pulp.md'), 'utf8');
  const [pulpPort = 0, originPort = 0, ...ports] = await freePorts(6);
  const [first = 0, second = 0, firstAdmin = 0, secondAdmin = 0] = ports;
  const listens = [
    { listen: `127.0.0.1:${first}`, adminListen: `127.0.0.1:${firstAdmin}` },
    { listen: `127.0.0.1:${second}`, adminListen: `127.0.0.1:${secondAdmin}` },
  ];

  const registry = kept(await startDockerRegistry());
  await fill(registry, CONTENT);
  const here: [string, string][] = [
    ['http://dl.example.org\n', `http://127.0.0.1:${pulpPort}\n`],
    ['https://dl.example.org/gantry', `http://127.0.0.1:${originPort}`],
    ['[dl.example.org]', '[127.0.0.1]'],
    ['https://builds.example.org', registry.url],
    ['/var/lib/crane/metadata', at('pulp/layouts/pulp/_app')],
    ['/etc/crane.conf', at('crane.conf')],
    ['/srv/gantry/tree', at('data/tree')],
    ['scripts/from-pulp/', path.join(root, 'scripts/from-pulp/')],
    ['./htpasswd', at('htpasswd')],
    ['127.0.0.1:5080', `127.0.0.1:${first}`],
    ['127.0.0.2:5080', `127.0.0.1:${second}`],
    ['127.0.0.1:5082', `127.0.0.1:${firstAdmin}`],
  ];
  const step = (title: string): Step => {
    const [, text] = guide.split(`\n## ${title}`);
    const blocks = [...(text?.split('\n## ')[0] ?? '').matchAll(/^```(\w+)\n(.*?)^```$/gms)];
    const block = (language: string, having = '') => {
      const found = blocks.find(([, its, said]) => its === language && said?.includes(having));
      if (found === undefined) throw new Error(`no ${language} of "${title}" has ${having}`);
      return here.reduce((said, [there, is]) => said.replaceAll(there, is), found[2] ?? '');
    };
    return { block, configuration: () => parse(block('yaml', 'tree:')) as Configuration };
  };

  const former = {
    name: 'builds',
    registry: registry.url,
    repositories: ['former/**'],
    rename: { from: '^former/', to: '' },
  };
  const pulp = kept(
    await startGantry({
      folder: at('pulp'),
      configuration: {
        ...(await embeddedConfiguration({ sources: [former] })),
        ...step('The other way round').configuration(),
      },
    }),
  );
  await pulp.api.sync('builds');
  await pulp.api.promote('stable', OF_PULP);
  for (const name of ['web+httpd', 'web+nginx'])
    await until('the redirect file', () => readFile(at(`pulp/layouts/pulp/_app/${name}.json`)));
  const rules = path.join(root, 'scripts/layouts/pulp/nginx.conf');
  kept(await startNginx({ root: at('pulp/layouts/pulp'), rules, port: pulpPort }));
  const oldCrane = opened.use(await startPulpCrane(at('pulp/layouts/pulp/_app'))).host;
  here.push(['https://crane.example.org', `http://${oldCrane}`], ['127.0.0.1:5000', oldCrane]);

  await mkdir(at('bin'));
  await writeFile(at('bin/npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${GANTRY_BIN}' "$@"\n`);
  await chmod(at('bin/npx'), 0o755);
  await writeFile(at('crane.conf'), step('1.').block('ini'));
  await writeFile(at('htpasswd'), '');
  await mkdir(at('data/tree'), { recursive: true });
  kept(await startNginx({ root: at('data/tree'), rules: true, port: originPort }));
  const own = await embeddedConfiguration({});
  const cranes: Gantry[] = [];
  let publisher: Gantry | undefined;

  const all = opened.move();
  return {
    folder,
    step,
    crane: `127.0.0.1:${first}`,
    servers,
    commands: async (block) => {
      const env = {
        ...process.env,
        PATH: `${at('bin')}:${process.env['PATH']}`,
        GANTRY_CONFIG: at('gantry.yaml'),
        GANTRY_TOKEN: ADMIN_TOKEN,
      };
      return run('sh', ['-euc', block], { cwd: folder, env });
    },
    startCranes: async ({ crane }) => {
      for (const [index, listen] of listens.entries()) {
        await cranes[index]?.stop();
        const configuration = { crane: { ...crane, ...listen } };
        cranes[index] = all.use(
          await startGantry({ folder: at(`crane-${index}`), configuration, service: 'crane' }),
        );
        servers.push(cranes[index]);
      }
    },
    startPublisher: async (configuration) => {
      await publisher?.stop();
      publisher = all.use(await startGantry({ folder, configuration: { ...own, ...configuration } }));
      servers.push(publisher);
    },
    startProxy: async (block, withOldCrane) => {
      const [port = 0] = await freePorts(1);
      const text = block
        .replace(':443 ssl crt /etc/haproxy/registry.pem', `127.0.0.1:${port}`)
        .replace(/^ +server crane .* weight .*\n/m, (line) => (withOldCrane ? line : ''));
      const file = at(`haproxy-${port}.cfg`);
      await writeFile(
        file,
        `defaults\n    mode http\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n${text}`,
      );
      const proxy = all.use(await startHaproxy([file], `http://127.0.0.1:${port}/v2/`));
      servers.push(proxy);
      return `127.0.0.1:${port}`;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
