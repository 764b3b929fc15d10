import path from 'node:path';
import type { Configuration, FolderPlace, S3Place } from './configuration.ts';
import { ENGINES } from './engines.ts';
import type { KeyPath, Problem } from './problems.ts';
import { isRecord } from './schema-shape.ts';

/** What is wrong with the engines as they were written: two in a section, keys that need or exclude each other. */
export function engineProblems(root: Readonly<Record<string, unknown>>): Problem[] {
  return Object.entries(ENGINES).flatMap(([section, engines]) => {
    const held = root[section];
    if (!isRecord(held)) return [];
    const [first, ...more] = engines.filter((engine) => held[engine] !== undefined);
    return [
      ...more.map((engine) => ({
        path: [section, engine],
        atKey: true,
        message: `stands beside ${section}.${first}: ${section} has one engine, so leave one of the two`,
      })),
      ...keyProblems([section], held),
    ];
  });
}

function keyProblems(section: KeyPath, held: Readonly<Record<string, unknown>>): Problem[] {
  const { s3, mongodb, amqp } = held;
  return [
    ...(isRecord(s3) ? s3Problems([...section, 's3'], s3) : []),
    ...(isRecord(mongodb) ? oneOf([...section, 'mongodb'], mongodb, 'url') : []),
    ...(isRecord(amqp) ? oneOf([...section, 'amqp'], amqp, 'url') : []),
    ...(isRecord(amqp) ? tlsProblems([...section, 'amqp', 'tls'], amqp) : []),
  ];
}

function s3Problems(at: KeyPath, s3: Readonly<Record<string, unknown>>): Problem[] {
  const secrets = ['secretAccessKey', 'secretAccessKeyFile'].filter((key) => s3[key] !== undefined);
  if (s3['accessKeyId'] !== undefined) return oneOf(at, s3, 'secretAccessKey');
  if (secrets.length === 0) return [];
  return [{ path: at, message: `is not complete: ${secrets.join(' and ')} without accessKeyId` }];
}

/** A secret that stands there, or in a file. */
function oneOf(at: KeyPath, held: Readonly<Record<string, unknown>>, key: string): Problem[] {
  const given = [key, `${key}File`].filter((name) => held[name] !== undefined);
  if (given.length === 1) return [];
  const message =
    given.length === 0
      ? `is not complete: it needs ${key} or ${key}File`
      : `has ${given.join(' and ')}: leave one`;
  return [{ path: at, message }];
}

function tlsProblems(at: KeyPath, { tls, url }: Readonly<Record<string, unknown>>): Problem[] {
  if (!isRecord(tls)) return [];
  if (typeof url === 'string' && /^amqp:/i.test(url))
    return [{ path: at, message: 'is for amqps://, and the url says amqp://: change one of the two' }];
  if ((tls['certFile'] === undefined) === (tls['keyFile'] === undefined)) return [];
  return [{ path: at, message: 'is not complete: certFile and keyFile go together' }];
}

/** What two parts of Gantry can not share, and what an engine leaves no room for. */
export function placeProblems({ storage, tree, catalog, messages }: Configuration): Problem[] {
  const problems: Problem[] = [];
  if ('s3' in tree && tree.listen !== undefined) {
    problems.push({
      path: ['tree', 'listen'],
      atKey: true,
      message:
        'is the built-in web server of a folder, and the tree is in tree.s3: leave it out, and serve the bucket by a web server or a CDN',
    });
  }
  problems.push(...sharedPlace(storage, tree));
  if ('sqlite' in catalog && 'embedded' in messages && catalog.sqlite.file === messages.embedded.file) {
    problems.push({
      path: ['messages', 'embedded', 'file'],
      value: messages.embedded.file,
      message: 'is catalog.sqlite.file too: each needs a file of its own',
    });
  }
  return problems;
}

function sharedPlace(storage: FolderPlace | S3Place, tree: FolderPlace | S3Place): Problem[] {
  if ('filesystem' in storage && 'filesystem' in tree) {
    const [store, published] = [storage.filesystem.root, tree.filesystem.root];
    if (!isWithin(store, published) && !isWithin(published, store)) return [];
    return [
      {
        path: ['tree', 'filesystem', 'root'],
        value: published,
        message: `and storage.filesystem.root, ${store}, lie one in the other: each needs a folder of its own`,
      },
    ];
  }
  if (!('s3' in storage && 's3' in tree)) return [];
  const [{ s3: store }, { s3: published }] = [storage, tree];
  const [a, b] = [`/${store.prefix ?? ''}`, `/${published.prefix ?? ''}`];
  const isOneBucket = store.bucket === published.bucket && store.endpoint === published.endpoint;
  if (!isOneBucket || !(isWithin(a, b) || isWithin(b, a))) return [];
  return [
    {
      path: ['tree', 's3'],
      atKey: true,
      message: `and storage.s3 lie one in the other, in the bucket ${store.bucket}: each needs a bucket or a prefix of its own`,
    },
  ];
}

function isWithin(inner: string, outer: string): boolean {
  const relative = path.relative(outer, inner);
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
}
