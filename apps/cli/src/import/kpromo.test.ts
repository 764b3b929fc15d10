import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { gantry } from '../cli.fixture.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-import-kpromo-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

async function write(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(path.join(cwd, file)), { recursive: true });
  await writeFile(path.join(cwd, file), text);
}

/** Imports a manifest, has the result checked, and gives it with what was said on standard error. */
async function imported(file: string) {
  const { code, out, err } = await gantry(['config', 'import', 'kpromo', file], { cwd });
  expect([code, err.split('\n').filter((line) => line.startsWith('gantry:'))]).toEqual([0, []]);
  await write('gantry.yaml', out);
  expect(await gantry(['config', 'check'], { cwd })).toMatchObject({ code: 0 });
  return { yaml: out, written: parse(out) as Record<string, unknown>, said: err.trimEnd().split('\n') };
}

const [ONE, TWO, THREE] = ['1', '2', '3'].map((digit) => `sha256:${digit.repeat(64)}`);
const REGISTRIES = `registries:
- name: gcr.io/staging
  src: true
- name: us.gcr.io/prod/images
  service-account: promoter@example.org
- name: eu.gcr.io/prod/images
- name: registry.example.org
`;
const IMAGES = `- name: apple
  dmap:
    "${ONE}": ["1.1", "latest"]
- name: tools/pear
  dmap:
    "${TWO}": ["1.0"]
    "${THREE}": []
`;
const PLAIN = `${REGISTRIES}images:\n${IMAGES}`;

test('the source, a channel for each name that images get, and a promotion for each digest', async () => {
  await write('manifest.yaml', PLAIN);
  const { yaml, written, said } = await imported('manifest.yaml');
  expect(written).toEqual({
    sources: [
      {
        name: 'gcr.io-staging',
        registry: 'https://gcr.io',
        repositories: ['staging/apple', 'staging/tools/pear'],
        rename: { from: '^staging\\/', to: '' },
        referrers: false,
      },
    ],
    channels: [
      { name: 'prod-images', prefix: 'prod/images/' },
      { name: 'registry.example.org', prefix: '' },
    ],
  });
  expect(yaml).toContain('\n  # manifest.yaml:2: registries[0]\n  - name: gcr.io-staging\n');
  expect(yaml).toContain(`
  # manifest.yaml:4: registries[1]
  # manifest.yaml:5: registries[1].service-account: nothing is pushed there: who may promote to the channel is said under api.tokens
  # gantry promote apple@${ONE} --to prod-images --tag 1.1 latest # manifest.yaml:11
  # gantry promote tools/pear@${TWO} --to prod-images --tag 1.0 # manifest.yaml:14
  - name: prod-images
`);
  expect(said).toEqual([
    expect.stringMatching(/^manifest\.yaml:5: registries\[1\]\.service-account: /),
    'manifest.yaml:6: registries[2]: has the names of a channel above: mirrors bring one tree to many places',
    expect.stringMatching(
      /^manifest\.yaml:15: images\[1\]\.dmap.*: has no tag, and is left out: a digest is promoted under tags$/,
    ),
    '1 source; 1 line has no counterpart, 2 are done in another way',
  ]);
});

test('the images of a thin manifest stand in a file of their own', async () => {
  await write('manifests/fruit/promoter-manifest.yaml', `imagesPath: x\n${REGISTRIES}extra: 1\n`);
  await write('images/fruit/images.yaml', IMAGES);
  const { written, said } = await imported('manifests/fruit/promoter-manifest.yaml');
  await write('manifest.yaml', PLAIN);
  expect(written).toEqual((await imported('manifest.yaml')).written);
  expect(said).toEqual([
    expect.stringMatching(/^manifests\/fruit\/promoter-manifest\.yaml:1: imagesPath: does nothing/),
    expect.stringMatching(/promoter-manifest\.yaml:6: .*service-account/),
    expect.stringMatching(/promoter-manifest\.yaml:7: /),
    expect.stringMatching(/promoter-manifest\.yaml:9: extra: is not a key of kpromo, and is left out$/),
    expect.stringMatching(/^images\/fruit\/images\.yaml:7: images\[1\]\.dmap.*: has no tag/),
    '1 source; 2 lines have no counterpart, 3 are done in another way',
  ]);
});

test('a tag that looks like a number, a date or a truth is the text that stands there, as kpromo has it', async () => {
  await write(
    'manifest.yaml',
    `registries: [{ name: gcr.io/a, src: yes }, { name: gcr.io/b, src: no }]\nimages: [{ name: a, dmap: { "${ONE}": [1.10, True, 0x1F] } }]`,
  );
  const { yaml } = await imported('manifest.yaml');
  expect(yaml).toContain(`gantry promote a@${ONE} --to b --tag 1.10 True 0x1F #`);
});

test('what can be no name of a repository is left out, and so is an image without digests', async () => {
  await write(
    'manifest.yaml',
    `${REGISTRIES}images:\n- { name: Apple, dmap: { "${ONE}": [a] } }\n- { name: pear }\n`,
  );
  const { written, said } = await imported('manifest.yaml');
  expect(written['sources']).toBeUndefined();
  expect(said).toContain('manifest.yaml:9: images[0].name: is no name of a repository: it is left out');
  expect(said).toContain('manifest.yaml:10: images[1].dmap: has nothing to promote: the image is left out');
});

test.each([
  '[{ name: gcr.io/a, src: true }, { name: A B }]',
  '[{ name: gcr.io/b }, { name: A B, src: true }]',
])('of %s only the wrong name is told', async (registries) => {
  await write('manifest.yaml', `registries: ${registries}\nimages: []`);
  const { code, err } = await gantry(['config', 'import', 'kpromo', 'manifest.yaml'], { cwd });
  expect([code, err.trimEnd().split('\n')]).toEqual([
    2,
    [expect.stringMatching(/manifest\.yaml:1: registries\[1\]\.name: is no registry, nor one with a path/)],
  ]);
});

test.each([
  ['registries: []\nimages: []', 'manifest.yaml:1: registries: one of them, and no more, has src: true'],
  [
    'registries: [{ name: a.example.org/a, src: true }]\nimages: []',
    'manifest.yaml:1: registries: all have src: true: nothing is promoted',
  ],
  [
    'registries: [{ name: A B }]\nimages: []',
    'registries[0].name: is no registry, nor one with a path: write registry.example.org/team',
  ],
  [
    `${REGISTRIES}images: [{ name: a, dmap: { "sha256:1": [x] } }]`,
    'manifest.yaml:8: images[0].dmap["sha256:1"]: is no digest',
  ],
  [`${REGISTRIES}images: [{ name: a, dmap: { "${ONE}": ["a b"] } }]`, '[0]: is no tag'],
  [
    `${REGISTRIES}images: [{ name: a, dmap: { "${ONE}": [x], "${TWO}": [x] } }]`,
    `[0]: is a tag of ${ONE} too`,
  ],
  [
    `${REGISTRIES}images: [{ name: a, dmap: { "${ONE}": [x] } }, { name: a, dmap: { "${ONE}": [y] } }]`,
    'images[1].name: stands here twice: kpromo would take the last alone',
  ],
  [`${REGISTRIES}images: [{ name: a, dmap: { "${ONE}": [[]] } }]`, '[0] must be text'],
  [REGISTRIES, 'images.yaml is not there'],
  ['[]', 'the file must be a map'],
])('%j is refused', async (text, problem) => {
  await write('manifest.yaml', text);
  const { code, out, err } = await gantry(['config', 'import', 'kpromo', 'manifest.yaml'], { cwd });
  expect([code, out, err]).toEqual([2, '', expect.stringContaining(problem)]);
});
