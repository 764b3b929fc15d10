import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Configuration } from './configuration.ts';
import { load, problemsOf } from './load.fixture.ts';
import { loadConfiguration } from './load.ts';
import { showConfiguration } from './show.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-engines-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const REAL = `
storage: { s3: { bucket: store, prefix: a/b/, endpoint: "https://s3.example.org/", region: r1, forcePathStyle: true, accessKeyId: AK, secretAccessKey: hunter2 } }
catalog: { mongodb: { url: "mongodb://gantry:hunter2@a.example:27017,b.example:27017/prod?replicaSet=rs0" } }
messages: { amqp: { url: "amqps://gantry:hunter2@mq.example/v", exchange: other, tls: { caFile: ca.pem } }, commandScopes: [sync] }
tree: { s3: { bucket: tree, accessKeyId: AK, secretAccessKeyFile: ./s3-secret } }
api: { tls: { certFile: c.pem, keyFile: k.pem } }
sync: { adminListen: 127.0.0.1:5083 }
crane: { tree: "https://dl.example.org/gantry" }
`;

const secretsOf = async ({ storage, catalog, messages, tree }: Configuration) => [
  's3' in storage && (await storage.s3.credentials?.secretAccessKey.read()),
  's3' in tree && (await tree.s3.credentials?.secretAccessKey.read()),
  'mongodb' in catalog && (await catalog.mongodb.url.read()),
  'amqp' in messages && (await messages.amqp.url.read()),
];

describe('engines past one machine', () => {
  test('are read with their secrets, paths and defaults', async () => {
    await writeFile(path.join(cwd, 's3-secret'), 'from-file\n');
    const { configuration } = await load(cwd, REAL);
    expect(configuration).toMatchObject({
      storage: {
        s3: {
          bucket: 'store',
          prefix: 'a/b',
          endpoint: 'https://s3.example.org',
          region: 'r1',
          forcePathStyle: true,
          credentials: { accessKeyId: 'AK' },
        },
      },
      messages: { amqp: { exchange: 'other', tls: { caFile: path.join(cwd, 'ca.pem') } } },
      tree: { s3: { bucket: 'tree' }, keepUntaggedMs: 30 * 86_400_000 },
      api: {
        tls: { certFile: path.join(cwd, 'c.pem'), keyFile: path.join(cwd, 'k.pem') },
        adminTokenFile: path.join(cwd, 'data/admin-token'),
      },
      sync: { adminListen: { host: '127.0.0.1', port: 5083 } },
      crane: { tree: { url: 'https://dl.example.org/gantry' } },
    });
    expect(await secretsOf(configuration)).toEqual([
      'hunter2',
      'from-file',
      'mongodb://gantry:hunter2@a.example:27017,b.example:27017/prod?replicaSet=rs0',
      'amqps://gantry:hunter2@mq.example/v',
    ]);
  });

  test('are shown without their secrets, in the form of a file', async () => {
    const { configuration } = await load(cwd, REAL);
    const shown = showConfiguration(configuration);
    expect(shown).not.toContain('hunter2');
    expect(JSON.stringify(configuration)).not.toContain('hunter2');
    for (const line of [
      'secretAccessKey: "********"',
      `secretAccessKeyFile: ${path.join(cwd, 's3-secret')}`,
      'url: mongodb://gantry:********@a.example:27017,b.example:27017/prod?replicaSet=rs0',
      'url: amqps://gantry:********@mq.example/v',
    ])
      expect(shown).toContain(line);
    await writeFile(path.join(cwd, 'again.yaml'), shown, { mode: 0o600 });
    const again = await loadConfiguration({ env: {}, cwd, file: 'again.yaml' });
    expect(showConfiguration(again.configuration)).toBe(shown);
  });

  test('a tree in a bucket leaves open where the crane reads it', async () => {
    const { configuration } = await load(cwd, 'tree: { s3: { bucket: tree } }');
    expect(configuration.crane).not.toHaveProperty('tree');
    expect(configuration.tree).toMatchObject({ s3: { bucket: 'tree' } });
  });

  test('a password in an address, in a file that others may read, is warned of', async () => {
    await writeFile(path.join(cwd, 'open.yaml'), 'catalog: { mongodb: { url: "mongodb://u:p@h" } }', {
      mode: 0o644,
    });
    await writeFile(path.join(cwd, 'none.yaml'), 'catalog: { mongodb: { url: "mongodb://h" } }', {
      mode: 0o644,
    });
    const warningsOf = async (file: string) => (await loadConfiguration({ env: {}, cwd, file })).warnings;
    expect(await warningsOf('open.yaml')).toHaveLength(1);
    expect(await warningsOf('none.yaml')).toEqual([]);
  });

  test('what an address in a file holds is checked when it is read, and never told', async () => {
    await writeFile(path.join(cwd, 'url'), 'http://u:hunter2@h\n');
    const { configuration } = await load(cwd, 'catalog: { mongodb: { urlFile: url } }');
    const { catalog } = configuration;
    const read = async () => 'mongodb' in catalog && catalog.mongodb.url.read();
    const error = await read().catch((one: unknown) => one);
    expect(error).toMatchObject({ code: 'CONFIGURATION_INVALID' });
    expect((error as Error).message).toBe(
      `catalog.mongodb.urlFile: the file ${path.join(cwd, 'url')} holds what is not the address of a MongoDB: write mongodb://HOST:27017/gantry, or mongodb+srv://HOST/gantry`,
    );
  });
});

describe('from the environment', () => {
  test("an engine takes the place of the file's, an address the place of the file's urlFile", async () => {
    const { configuration, warnings } = await load(
      cwd,
      'catalog: { sqlite: { file: x.db } }\nmessages: { amqp: { urlFile: ./u, exchange: e } }\nstorage: { s3: { bucket: abc, accessKeyId: a, secretAccessKey: b } }\n',
      {
        GANTRY_CATALOG_MONGODB_URL: 'mongodb://db.example/x',
        GANTRY_MESSAGES_AMQP_URL: 'amqp://mq.example',
        GANTRY_STORAGE_S3_SECRET_ACCESS_KEY_FILE: '/run/secret',
        GANTRY_TREE_S3_BUCKET: 'tree',
        GANTRY_API_TLS: '{"certFile":"c","keyFile":"k"}',
        GANTRY_SYNC_ADMIN_LISTEN: '127.0.0.1:1',
      },
    );
    expect(warnings).toEqual([]);
    const { catalog, messages, storage } = configuration;
    expect('mongodb' in catalog && (await catalog.mongodb.url.read())).toBe('mongodb://db.example/x');
    expect('amqp' in messages && [await messages.amqp.url.read(), messages.amqp.exchange]).toEqual([
      'amqp://mq.example',
      'e',
    ]);
    expect('s3' in storage && storage.s3.credentials?.secretAccessKey.file).toBe('/run/secret');
    expect(configuration.tree).toMatchObject({ s3: { bucket: 'tree' } });
    expect(configuration.sync).toEqual({ adminListen: { host: '127.0.0.1', port: 1 } });
  });

  test('alone it needs no file, and the built-in web server stays away from a bucket', async () => {
    const env = { GANTRY_TREE_S3_BUCKET: 'tree', GANTRY_CATALOG_MONGODB_URL: 'mongodb://db' };
    const { configuration } = await loadConfiguration({ env, cwd });
    expect(configuration.tree).not.toHaveProperty('listen');
    expect(configuration.crane.adminListen).toEqual({ host: '127.0.0.1', port: 5082 });
  });

  test('two engines of a section are told with the variable', async () => {
    expect(
      await problemsOf(cwd, '', {
        GANTRY_CATALOG_MONGODB_URL: 'mongodb://db',
        GANTRY_CATALOG_SQLITE_FILE: 'x',
      }),
    ).toEqual([
      'GANTRY_CATALOG_MONGODB_URL: catalog.mongodb: stands beside catalog.sqlite: catalog has one engine, so leave one of the two',
    ]);
  });
});

const MONGODB = 'gantry.yaml:1:28: catalog.mongodb.url: the value';
const AMQP = 'gantry.yaml:1:26: messages.amqp.url: the value';
const ESCAPED = 'in a user, a password and a name "@" is written %40, "/" is %2F, "%" is %25';
const mongodb = (url: string) => `catalog: { mongodb: { url: ${JSON.stringify(url)} } }\n`;
const amqp = (url: string) => `messages: { amqp: { url: ${JSON.stringify(url)} } }\n`;

/** Text of a file, and the lines that are said about it. */
const WRONG: [string, string, string[]][] = [
  [
    'two catalogs',
    'catalog:\n  sqlite: { file: x }\n  mongodb: { url: "mongodb://h" }\n',
    [
      'gantry.yaml:3:3: catalog.mongodb: stands beside catalog.sqlite: catalog has one engine, so leave one of the two',
    ],
  ],
  [
    'two stores',
    'storage:\n  s3: { bucket: abc }\n  filesystem: {}\n',
    [
      'gantry.yaml:2:3: storage.s3: stands beside storage.filesystem: storage has one engine, so leave one of the two',
    ],
  ],
  [
    'a MongoDB without an address',
    'catalog: { mongodb: {} }\n',
    ['gantry.yaml:1:21: catalog.mongodb: is not complete: it needs url or urlFile'],
  ],
  [
    'an AMQP broker with two addresses',
    'messages: { amqp: { url: "amqp://h", urlFile: x } }\n',
    ['gantry.yaml:1:19: messages.amqp: has url and urlFile: leave one'],
  ],
  [
    'another scheme',
    mongodb('http://u:hunter2@h'),
    [
      'gantry.yaml:1:28: catalog.mongodb.url: the value is not the address of a MongoDB: write mongodb://HOST:27017/gantry, or mongodb+srv://HOST/gantry',
    ],
  ],
  [
    'an @ in a password',
    mongodb('mongodb://u:hunter2@x@h/d'),
    [`${MONGODB} can not be read as the address of a MongoDB: ${ESCAPED}`],
  ],
  [
    'a wrong escape',
    mongodb('mongodb://u:hunter2%@h/d'),
    [`${MONGODB} holds a "%" that stands for no character: ${ESCAPED}`],
  ],
  [
    'no host',
    mongodb('mongodb:///d'),
    [`${MONGODB} names no host, or one that can not be: write mongodb://HOST:27017/gantry`],
  ],
  [
    'a port of a name that DNS resolves',
    mongodb('mongodb+srv://h:27017/d'),
    [
      `${MONGODB} has several hosts or a port, which mongodb+srv:// has not: write one name, which DNS knows the hosts of`,
    ],
  ],
  [
    'a database that can not be',
    mongodb('mongodb://h/a.b'),
    [`${MONGODB} names a database that can not be: letters, digits, "_" and "-", 63 at the most`],
  ],
  [
    'another protocol',
    amqp('https://u:hunter2@h'),
    [
      `${AMQP} is not the address of an AMQP broker: write amqps://HOST/VHOST, or amqp://HOST:5672 for one without TLS`,
    ],
  ],
  [
    'a # in a password',
    amqp('amqp://u:hunter2#@h'),
    [`${AMQP} has a "#", which is %23 in a user or a password`],
  ],
  [
    'two virtual hosts',
    amqp('amqp://h/a/b'),
    [`${AMQP} has more than a virtual host behind the host: "/" in it is %2F`],
  ],
  [
    'TLS for an address without',
    'messages: { amqp: { url: "amqp://h", tls: { caFile: x } } }\n',
    ['gantry.yaml:1:43: messages.amqp.tls: is for amqps://, and the url says amqp://: change one of the two'],
  ],
  [
    'a key without its secret',
    'storage: { s3: { bucket: abc, accessKeyId: a } }\n',
    ['gantry.yaml:1:16: storage.s3: is not complete: it needs secretAccessKey or secretAccessKeyFile'],
  ],
  [
    'a secret without its key',
    'storage: { s3: { bucket: abc, secretAccessKey: hunter2 } }\n',
    ['gantry.yaml:1:16: storage.s3: is not complete: secretAccessKey without accessKeyId'],
  ],
  [
    'a bucket of two letters',
    'storage: { s3: { bucket: ab } }\n',
    [
      'gantry.yaml:1:26: storage.s3.bucket: "ab" is not the name of a bucket: 3 to 63 letters, digits, ".", "_" and "-"',
    ],
  ],
  [
    'a store and a tree in one place',
    'storage: { s3: { bucket: abc, prefix: a } }\ntree: { s3: { bucket: abc, prefix: a/b } }\n',
    [
      'gantry.yaml:2:9: tree.s3: and storage.s3 lie one in the other, in the bucket abc: each needs a bucket or a prefix of its own',
    ],
  ],
  [
    'a web server of a bucket',
    'tree: { s3: { bucket: abc }, listen: 127.0.0.1:1 }\n',
    [
      'gantry.yaml:1:30: tree.listen: is the built-in web server of a folder, and the tree is in tree.s3: leave it out, and serve the bucket by a web server or a CDN',
    ],
  ],
  [
    'a certificate without its key',
    'api: { tls: { certFile: c } }\n',
    ['gantry.yaml:1:13: api.tls.keyFile: is missing: it must be text'],
  ],
];

describe('what is wrong with an engine', () => {
  test.each(WRONG)('%s is told with its line and what would be right', async (_name, text, expected) => {
    const lines = await problemsOf(cwd, text);
    expect(lines.join('\n')).not.toContain('hunter2');
    expect(lines).toEqual(expected);
  });
});
