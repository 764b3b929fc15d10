import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fill } from '../fixtures/build-registry.ts';
import { type DockerRegistry, REGISTRY_ACCOUNT, startDockerRegistry } from '../servers/docker-registry.ts';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { asBuilder, contentToImport, importAndSync, tagsOf } from './import-world.ts';

/**
 * The same file, run by `skopeo sync --src yaml` and imported: the same tags, with the same digests. Debian's skopeo does not
 * know `images-by-semver` yet: masterminds-range.test.ts has what its library says.
 */
const real = needs('docker-registry', 'skopeo').showing(() => [from, to].filter((one) => one !== undefined));

let folder: TemporaryFolder;
let from: DockerRegistry | undefined;
let to: DockerRegistry | undefined;

real.beforeAll(async () => {
  folder = await temporaryFolder('import-skopeo');
  [from, to] = await Promise.all([startDockerRegistry({ auth: true }), startDockerRegistry()]);
  await fill(asBuilder(from), contentToImport());
}, 60_000);
real.afterAll(async () => {
  await Promise.all([from, to].map(async (registry) => registry?.[Symbol.asyncDispose]()));
  await folder[Symbol.asyncDispose]();
});

real.test(
  'skopeo and Gantry take the same tags, with the same digests',
  async () => {
    const [source, target] = [from as DockerRegistry, to as DockerRegistry];
    const text = JSON.stringify({
      [source.host]: {
        'tls-verify': false,
        credentials: REGISTRY_ACCOUNT,
        images: {
          'team/others': ['v1', 'latest'],
          'team/index': ['1'],
          'team/signed': [],
          'tools/deep/b': [],
        },
        'images-by-tag-regex': {
          'team/others': 'rc|^dev$',
          'team/versions': String.raw`^v?1\.2\.[0-9]+(-|$)`,
          'tools/a': '^[1-9]$',
          tools: 'nothing',
          'toolsmith/c': '',
        },
      },
    });
    const file = path.join(folder.path, 'sync.yml');
    await writeFile(file, text);
    const options = ['--all', '--src', 'yaml', '--dest', 'docker', '--dest-tls-verify=false'];
    await run('skopeo', ['--insecure-policy', 'sync', ...options, file, target.host], { timeoutMs: 120_000 });
    const theirs = await tagsOf(target);
    const ours = await importAndSync(folder.path, ['skopeo'], text);
    expect(ours.tags).toEqual(theirs);
    expect(Object.keys(theirs)).toEqual(
      expect.arrayContaining(['others:v2-rc1', 'versions:1.2.3-rc.1', 'index:1', 'c:1']),
    );
  },
  180_000,
);
