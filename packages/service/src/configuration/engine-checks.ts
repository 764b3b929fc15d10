import type { Configuration } from './configuration.ts';
import { ENGINES } from './engines.ts';
import { layoutProblems } from './layout-checks.ts';
import type { KeyPath, Problem } from './problems.ts';
import { isRecord } from './schema-shape.ts';
import { treePlaceProblems } from './tree-checks.ts';

/** What is wrong with the engines as they were written: two in a section, keys that need or exclude each other. */
export function engineProblems(root: Readonly<Record<string, unknown>>): Problem[] {
  const trees = isRecord(root['trees']) ? root['trees'] : {};
  return [
    ...Object.entries(ENGINES).flatMap(([section, engines]) =>
      sectionProblems([section], root[section], engines),
    ),
    ...Object.entries(trees).flatMap(([name, tree]) => sectionProblems(['trees', name], tree, ENGINES.tree)),
  ];
}

function sectionProblems(at: readonly string[], held: unknown, engines: readonly string[]): Problem[] {
  if (!isRecord(held)) return [];
  const section = at.join('.');
  const [first, ...more] = engines.filter((engine) => held[engine] !== undefined);
  return [
    ...more.map((engine) => ({
      path: [...at, engine],
      atKey: true,
      message: `stands beside ${section}.${first}: ${section} has one engine, so leave one of the two`,
    })),
    ...keyProblems(at, held),
  ];
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
export function placeProblems(configuration: Configuration): Problem[] {
  const { catalog, messages } = configuration;
  const problems = [...treePlaceProblems(configuration), ...layoutProblems(configuration)];
  if ('sqlite' in catalog && 'embedded' in messages && catalog.sqlite.file === messages.embedded.file) {
    problems.push({
      path: ['messages', 'embedded', 'file'],
      value: messages.embedded.file,
      message: 'is catalog.sqlite.file too: each needs a file of its own',
    });
  }
  return problems;
}
