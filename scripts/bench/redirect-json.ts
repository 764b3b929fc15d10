import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Crane, startCrane } from '@gantry/app-crane';
import { run } from '../../test/servers/run.ts';
import { besideAim, median, type Result } from './results.ts';

const FILES = 10_000;
const NAMES = 42;
const ROUNDS = 5;
const LOAD_AIM_S = 1.5;
const CHANGE_AIM_S = 0.05;
/** What the original does with each file, without its web server. */
const PYTHON = `
import json, os, sys, time
start = time.time()
repositories = {}
for path, _, files in os.walk(sys.argv[1]):
    for name in files:
        with open(os.path.join(path, name)) as file:
            data = json.load(file)
        repositories[data['repo-registry-id']] = (data['url'], json.dumps(data['schema2_data']),
            json.dumps(data['manifest_list_data']), json.dumps(data['manifest_list_amd64_tags']))
print(time.time() - start)
`;

/** Redirect files: the start of a crane with 10,000 of 42 names each, beside Python's own JSON; and one that changes. */
export async function benchRedirectJson(): Promise<Result[]> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-redirect-json-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const data = join(folder, 'data');
  await mkdir(data);
  for (let number = 0; number < FILES; number++)
    await writeFile(join(data, `r${number}.json`), fileOf(number, 0));

  const [loads, python]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await using crane = await craneOn(data);
    loads.push((performance.now() - start) / 1000);
    await locationOf(crane, FILES - 1);
    python.push(Number(await run('python3', ['-c', PYTHON, data])));
  }

  const crane = opened.use(await craneOn(data));
  const changes: number[] = [];
  for (let round = 1; round <= 4 * ROUNDS; round++) {
    await writeFile(join(folder, 'next'), fileOf(round, round));
    const start = performance.now();
    await rename(join(folder, 'next'), join(data, `r${round}.json`));
    while (!(await locationOf(crane, round)).includes(`/v${round}/`)) await pause(1);
    changes.push((performance.now() - start) / 1000);
  }
  return [
    besideAim(`redirect JSON, a start with ${FILES} files of ${NAMES} names`, loads, LOAD_AIM_S),
    {
      name: `redirect JSON, a start with ${FILES} files of ${NAMES} names`,
      unit: 's',
      gantry: median(loads),
      peer: "Python's json, the same files",
      peerValue: median(python),
      ratio: median(loads) / median(python),
    },
    besideAim(`redirect JSON, one of ${FILES} files is replaced and answered from`, changes, CHANGE_AIM_S),
  ];
}

function craneOn(directory: string): Promise<Crane> {
  return startCrane({
    listen: { host: '127.0.0.1', port: 0 },
    pollMs: 10_000,
    status: 302,
    manifests: 'auto',
    mirrors: [],
    redirectJson: { directories: [directory], cdn: {} },
    logger: { info: () => undefined, warn: console.error, error: console.error },
  });
}

async function locationOf(crane: Crane, number: number): Promise<string> {
  const asked = await fetch(`${crane.url}/v2/team/r${number}/tags/list`, { redirect: 'manual' });
  const location = asked.headers.get('location');
  if (location === null) throw new Error(`team/r${number} is ${asked.status}`);
  return location;
}

/** A third of the names are digests and tags of images, a third of lists, each twice. */
function fileOf(number: number, version: number): string {
  const digest = (text: string) => `sha256:${createHash('sha256').update(`${number} ${text}`).digest('hex')}`;
  const tags = Array.from({ length: NAMES / 3 }, (_, tag) => `1.${tag}`);
  return JSON.stringify({
    version: 4,
    type: 'pulp-docker-redirect',
    repository: `r${number}`,
    'repo-registry-id': `team/r${number}`,
    url: `https://cdn.example.org/v${version}/r${number}`,
    protected: false,
    schema2_data: tags.map((tag) => digest(`image ${tag}`)),
    manifest_list_data: [...tags, ...tags.map((tag) => digest(`list ${tag}`))],
    manifest_list_amd64_tags: Object.fromEntries(tags.map((tag) => [tag, [digest(`image ${tag}`), 2]])),
  });
}
