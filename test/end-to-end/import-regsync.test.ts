import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fill } from '../fixtures/build-registry.ts';
import { type DockerRegistry, REGISTRY_ACCOUNT, startDockerRegistry } from '../servers/docker-registry.ts';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { asBuilder, contentToImport, importAndSync, tagsOf } from './import-world.ts';

/** The same regsync.yml, run by regsync and imported: the same tags, with the same digests. */
const real = needs('docker-registry', 'regsync').showing(() => [from, to].filter((one) => one !== undefined));

let folder: TemporaryFolder;
let from: DockerRegistry | undefined;
let to: DockerRegistry | undefined;

real.beforeAll(async () => {
  folder = await temporaryFolder('import-regsync');
  [from, to] = await Promise.all([startDockerRegistry({ auth: true }), startDockerRegistry()]);
  await fill(asBuilder(from), contentToImport());
}, 60_000);
real.afterAll(async () => {
  await Promise.all([from, to].map(async (registry) => registry?.[Symbol.asyncDispose]()));
  await folder[Symbol.asyncDispose]();
});

const RANGES = [
  ['>=1.0.0'],
  ['>1.2.3 <2.0.0'],
  ['<=1.2.3'],
  ['<1.3.0-0'],
  ['>=1.2.3-0 <1.2.5'],
  ['^1.2'],
  ['^0.2.3'],
  ['^0.0.3'],
  ['^0'],
  ['~1.2.3'],
  ['~1'],
  ['1'],
  ['=v2.1'],
  ['', '~1.3', '>=3'],
];
const REGULAR_EXPRESSIONS = [
  { allow: ['v.*'] },
  { allow: ['v1.2'] },
  { allow: [String.raw`v1\.2`, 'latest'] },
  { allow: ['v1|latest'] },
  { allow: ['dev|v1|rc'] },
  { allow: ['(dev|v1|rc)'] },
  { allow: ['[0-9v|].*'] },
  { deny: ['.*rc.*'] },
  { allow: ['v.*'], deny: ['.*-rc[0-9]*', 'v1'] },
  { allow: [String.raw`v\d+`] },
];

function regsyncFile(source: string, target: string): string {
  const entry = (name: string, rest: object) => ({
    source: `${source}/${name}`,
    target: `${target}/${name}`,
    type: 'repository',
    ...rest,
  });
  const into = (place: string) => ({ target: `${target}/${place}` });
  return JSON.stringify({
    version: 1,
    creds: [
      {
        registry: source,
        tls: 'disabled',
        user: REGISTRY_ACCOUNT.username,
        pass: `{{file "${folder.path}/password"}}`,
        reqPerSec: 500,
        reqConcurrent: 8,
      },
      { registry: target, tls: 'disabled' },
    ],
    defaults: { parallel: 2, interval: '1h', ratelimit: { min: 100, retry: '15m' } },
    sync: [
      ...RANGES.map((semverRange, index) =>
        entry('team/versions', { ...into(`range/${index}`), tags: { semverRange } }),
      ),
      ...REGULAR_EXPRESSIONS.map((tags, index) =>
        entry('team/others', { ...into(`regex/${index}`), tags, schedule: '15 01 * * *' }),
      ),
      entry('team/versions', {
        ...into('all-rules'),
        tags: { semverRange: ['>=1'], allow: ['v.*', '1.*'], deny: ['.*-.*'] },
      }),
      entry('team/others', {
        ...into('sets'),
        tagSets: [{ allow: ['v.*'], deny: ['.*-rc'] }, { allow: ['latest'] }],
        tags: { allow: ['dev'] },
      }),
      entry('team/others', into('all')),
      entry('team/signed', { ...into('signed/with'), tags: { allow: ['1'] }, digestTags: true }),
      entry('team/signed', { ...into('signed/without'), tags: { allow: ['1'] } }),
      entry('team/signed', into('signed/all')),
      entry('team/index', { type: 'image', source: `${source}/team/index:2`, target: `${target}/index:2` }),
      entry('team/others', { ...into('latest'), type: 'image', source: `${source}/team/others` }),
      { source, target: `${target}/mirror`, type: 'registry', repos: { allow: ['tools/.*', 'team/index'] } },
    ],
  });
}

real.test(
  'regsync and Gantry take the same tags, with the same digests',
  async () => {
    const [source, target] = [from as DockerRegistry, to as DockerRegistry];
    const text = regsyncFile(source.host, target.host);
    const file = path.join(folder.path, 'regsync.yml');
    await writeFile(file, text);
    await writeFile(path.join(folder.path, 'password'), `${REGISTRY_ACCOUNT.password}\n`);
    await run('regsync', ['once', '-c', file, '-v', 'warn'], { timeoutMs: 120_000 });
    const theirs = await tagsOf(target);
    const ours = await importAndSync(folder.path, ['regsync'], text);
    expect(ours.tags).toEqual(theirs);
    expect(Object.keys(theirs)).toEqual(
      expect.arrayContaining(['range/5:1.3.0-rc.1', 'mirror/tools/deep/b:1', 'sets:dev', 'index:2']),
    );
    expect(ours.said).toMatch(/0 lines have no counterpart/);
  },
  180_000,
);
