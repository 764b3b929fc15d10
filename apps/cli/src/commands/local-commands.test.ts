import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { layTree } from '@gantry/tree';
import { plan, promotion, task } from '../api-server.fixture.ts';
import { gantry } from '../cli.fixture.ts';
import type { Environment } from '../cli.ts';
import type { Operations } from '../operations.ts';

const config = new TextEncoder().encode('{"architecture":"amd64","os":"linux"}');
const manifest = new TextEncoder().encode(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(config),
      size: config.length,
    },
    layers: [],
  }),
);
const digest = digestOf(manifest);
const repository = { name: 'a/b', tags: { '1.0': digest }, manifests: [manifest], blobs: [config] };

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-local-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

describe('gantry verify', () => {
  test("proves the configuration's tree, and needs no server", async () => {
    const { statement } = await layTree(path.join(cwd, 'data/tree'), { repositories: [repository] });
    const { code, out } = await gantry(['verify', '--deep'], { cwd });
    expect(code).toBe(0);
    expect(out).toMatch(
      new RegExp(
        `at serial 1, root ${statement.root} is what its root says \\(\\d+ objects looked at, .* read\\)\n$`,
      ),
    );
  });

  test('of a tree that lacks something ends with 1 and names it', async () => {
    await layTree(path.join(cwd, 'tree'), { repositories: [repository] });
    const hex = digestOf(config).slice('sha256:'.length);
    await rm(path.join(cwd, `tree/pool/blobs/sha256/${hex.slice(0, 2)}/${hex}`));
    const { code, out } = await gantry(['verify', './tree'], { cwd });
    expect(code).toBe(1);
    expect(out).toMatch(/^error +missing \(1\): /m);
    expect(out).toContain(hex);
    const { out: json } = await gantry(['verify', './tree', '--output', 'json'], { cwd });
    expect(JSON.parse(json)).toMatchObject({
      tree: 'tree-laid-from-memory',
      serial: 1,
      level: 'whole',
      errors: 1,
      counts: { missing: 1 },
      findings: [{ kind: 'missing', severity: 'error' }],
    });
  });

  test('compares with another tree', async () => {
    await layTree(path.join(cwd, 'a'), { repositories: [repository] });
    await layTree(path.join(cwd, 'b'), { repositories: [], tree: 'another' });
    expect(await gantry(['verify', './a', '--against', './a'], { cwd })).toMatchObject({ code: 0 });
    expect(await gantry(['verify', './a', '--against', './b'], { cwd })).toMatchObject({ code: 1 });
  });

  test('of a mirror that does not answer is to be tried again', async () => {
    expect(await gantry(['verify', 'http://127.0.0.1:1/tree'], { cwd })).toMatchObject({ code: 75, out: '' });
  });
});

describe('gantry diff of trees', () => {
  test('lists tags that differ, from folder to folder', async () => {
    await layTree(path.join(cwd, 'a'), { repositories: [repository] });
    await layTree(path.join(cwd, 'b'), {
      repositories: [{ ...repository, tags: { '1.0': digest, '2.0': digest } }],
    });
    const { code, out } = await gantry(['diff', './a', './b', '--output', 'json'], { cwd });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      items: [{ repository: 'a/b', tag: '2.0', from: null, to: digest }],
      next: null,
    });
    expect(await gantry(['diff', './a', './a'], { cwd })).toEqual({
      code: 0,
      out: '',
      err: 'no tag differs\n',
    });
  });

  test('of a folder without a tree fails by name', async () => {
    await layTree(path.join(cwd, 'a'), { repositories: [] });
    const { code, err } = await gantry(['diff', './x', './a'], { cwd });
    expect(code).toBe(1);
    expect(err).toContain(`${cwd}/x holds no published tree`);
  });
});

/** A crane with content and a token. */
const craneWith = (content: string, secretFile: string) =>
  `crane:\n  redirectJson: [./files]\n  serveContent: { v1: ./${content} }\n  cdn: { token: { secretFile: ${secretFile} } }\n`;
const checkOf = async (text: string) => {
  await writeFile(path.join(cwd, 'gantry.yaml'), text);
  const { code, err } = await gantry(['config', 'check'], { cwd });
  return { code, said: err.trimEnd().split('\n') };
};
const at = (name: string) => path.join(cwd, name);

describe('gantry config', () => {
  test('check says that nothing is wrong, or all that is', async () => {
    await writeFile(path.join(cwd, 'gantry.yaml'), 'crane: { status: 307 }\n');
    expect(await gantry(['config', 'check'], { cwd })).toEqual({
      code: 0,
      out: `${cwd}/gantry.yaml: nothing is wrong\n`,
      err: '',
    });
    await writeFile(path.join(cwd, 'bad.yaml'), 'crane: { status: 1 }\nfoo: 1\n');
    const { code, out, err } = await gantry(['config', 'check', '--config', 'bad.yaml'], { cwd });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(
      '\n  bad.yaml:1:18: crane.status: 1 is none of 302, 307\n  bad.yaml:2:1: foo: unknown key',
    );
  });

  test('check warns of files that are named and can not be read, each with its key and line', async () => {
    await writeFile(
      path.join(cwd, 'gantry.yaml'),
      [
        'catalog: { mongodb: { urlFile: url } }',
        'storage: { s3: { bucket: abc, accessKeyId: a, secretAccessKeyFile: here/below } }',
        'messages: { amqp: { url: "amqps://h", tls: { caFile: here } } }',
        'api:',
        '  tls: { certFile: ., keyFile: here }',
        '  tokens: [{ name: ci, tokenFile: /absent/token, scopes: [read] }]',
        '  adminTokenFile: made-at-the-start',
        'sources:',
        '  - name: a',
        '    registry: a.example',
        '    tls: { caFile: absent.pem }',
        '    credentials: { username: u, passwordFile: absent }',
        'crane: { serialFile: made-too }',
      ].join('\n'),
    );
    await writeFile(path.join(cwd, 'here'), 'x');
    const warnings = [
      `gantry.yaml:1:32: catalog.mongodb.urlFile: the file ${at('url')} is not there`,
      `gantry.yaml:2:68: storage.s3.secretAccessKeyFile: the file ${at('here/below')} can not be read: ENOTDIR`,
      `gantry.yaml:5:20: api.tls.certFile: the file ${cwd} is a folder`,
      'gantry.yaml:6:35: api.tokens[0].tokenFile: the file /absent/token is not there',
      `gantry.yaml:11:20: sources[0].tls.caFile: the file ${at('absent.pem')} is not there`,
      `gantry.yaml:12:47: sources[0].credentials.passwordFile: the file ${at('absent')} is not there`,
    ];
    const err = warnings.map((warning) => `gantry: warning: ${warning}\n`).join('');
    expect(await gantry(['config', 'check'], { cwd })).toEqual({
      code: 0,
      out: `${cwd}/gantry.yaml: valid, with 6 warnings\n`,
      err,
    });
    const json = await gantry(['config', 'check', '--output', 'json'], { cwd });
    expect(JSON.parse(json.out)).toEqual({ valid: true, file: at('gantry.yaml'), warnings });
    // Others, which may have no use for them, keep silent.
    expect(await gantry(['config', 'show'], { cwd })).toMatchObject({ code: 0, err: '' });
  });

  test('check warns of what a crane would not start with: content that is not there, a secret that is none', async () => {
    await writeFile(at('cdn.hex'), 'top-secret\n');
    expect(await checkOf(craneWith('cdn.hex', 'cdn.hex'))).toEqual({
      code: 0,
      said: [
        `gantry: warning: gantry.yaml:3:23: crane.serveContent.v1: the folder ${at('cdn.hex')} is not there, or is none`,
        `gantry: warning: gantry.yaml:4:31: crane.cdn.token.secretFile: the file ${at('cdn.hex')} holds what is not hexadecimal: an even number of digits 0 to 9 and a to f is expected`,
      ],
    });
    expect(await checkOf(craneWith('.', 'none'))).toEqual({
      code: 0,
      said: [
        `gantry: warning: gantry.yaml:4:31: crane.cdn.token.secretFile: the file ${at('none')} is not there`,
      ],
    });
    await writeFile(at('cdn.hex'), 'abc123\n');
    expect(await checkOf(craneWith('.', 'cdn.hex'))).toEqual({ code: 0, said: [''] });
  });

  test('check names the variable that names the file', async () => {
    const env = { GANTRY_CATALOG_MONGODB_URL_FILE: '/absent/url' };
    expect(await gantry(['config', 'check'], { cwd, env })).toMatchObject({
      code: 0,
      out: 'the embedded defaults (no file): valid, with 1 warning\n',
      err: 'gantry: warning: GANTRY_CATALOG_MONGODB_URL_FILE: catalog.mongodb.urlFile: the file /absent/url is not there\n',
    });
  });

  test('schema is JSON, show is YAML or JSON with secrets masked', async () => {
    const env = { GANTRY_API_TOKENS: '[{"name":"ci","token":"hunter2","scopes":["read"]}]' };
    expect(JSON.parse((await gantry(['config', 'schema'], { cwd })).out)).toMatchObject({
      title: 'Gantry configuration',
    });
    const shown = await gantry(['config', 'show'], { cwd, env });
    expect(shown.out).toContain('token: "********"');
    const json = await gantry(['config', 'show', '--output', 'json'], { cwd, env });
    expect(JSON.parse(json.out)).toMatchObject({ api: { tokens: [{ name: 'ci', token: '********' }] } });
    expect(shown.out + json.out).not.toContain('hunter2');
  });
});

describe('--local', () => {
  test("does the work on the configuration's own stores, whose opening gets what is configured", async () => {
    const calls: unknown[] = [];
    const operations: Operations = {
      sources: async () => ['candidates', 'others'],
      sync: async (request) => {
        calls.push(request);
        return task();
      },
      planPromotion: async () => plan(),
      promote: async (request) => {
        calls.push(request.to);
        return promotion();
      },
      publish: async () => task({ kind: 'publish' }),
      collect: async (request) => {
        calls.push(request);
        return task({ kind: 'gc' });
      },
      async [Symbol.asyncDispose]() {
        calls.push('closed');
      },
    };
    const openLocal: Environment['openLocal'] = async ({ configuration }) => {
      calls.push('sqlite' in configuration.catalog ? configuration.catalog.sqlite.file : undefined);
      return operations;
    };
    const file = path.join(cwd, 'data/catalog.db');
    expect(await gantry(['sync', 'candidates', '--local'], { cwd, openLocal })).toMatchObject({ code: 0 });
    expect(await gantry(['promote', 'a:1', '--to', 'stable', '--local'], { cwd, openLocal })).toMatchObject({
      code: 0,
    });
    expect(await gantry(['publish', '--local'], { cwd, openLocal })).toMatchObject({ code: 0 });
    expect(await gantry(['gc', '--dry-run', '--local'], { cwd, openLocal })).toMatchObject({ code: 0 });
    expect(calls).toEqual([
      file,
      { source: 'candidates' },
      'closed',
      file,
      'stable',
      'closed',
      file,
      'closed',
      file,
      { dryRun: true },
      'closed',
    ]);
    calls.length = 0;
    expect(await gantry(['sync', '--local'], { cwd, openLocal })).toMatchObject({ code: 0 });
    expect(calls).toEqual([file, { source: 'candidates' }, { source: 'others' }, 'closed']);
    await layTree(path.join(cwd, 'data/tree'), { repositories: [] });
    expect(await gantry(['verify', '--local'], { cwd, openLocal })).toMatchObject({ code: 0 });
  });
});
