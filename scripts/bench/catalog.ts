import { type Catalog, type CatalogConfiguration, openCatalog, openCatalogTransfer } from '@gantry/catalog';
import { newDatabase } from '../../test/servers/mongo-engines.ts';
import { startMongoJavaServer } from '../../test/servers/mongo-java-server.ts';
import { temporaryFolder } from '../../test/servers/temporary-folder.ts';
import {
  candidateAt,
  channelTagAt,
  digestAt,
  entries,
  factAt,
  layerAt,
  promotionAt,
  repositoryAt,
  SOURCE,
  tagAt,
  TAGS_A_MANIFEST,
  TAGS_A_REPOSITORY,
} from './catalog-content.ts';
import { median, type Result } from './results.ts';

const FEW = 10_000;
const MANY = 1_000_000;
/**
 * So many the stand-in for MongoDB is given, which keeps all in memory. It has indexes of keys and unique fields only,
 * and looks through the collection for all else: so it is asked just for what goes by a key. A MongoDB that
 * GANTRY_TEST_MONGODB_URL names is asked for all.
 */
const WIRE_FEW = 1000;
const WIRE_MANY = 100_000;
const byKey = (operation: Operation) => operation.byKey === true;

/**
 * Catalog operations at 10,000 and at 1,000,000 tags, in SQLite and over MongoDB's wire. Each figure is the median at
 * the larger number, beside that at the smaller one: by an index the ratio stays small.
 */
export async function benchCatalog(): Promise<Result[]> {
  await using folder = await temporaryFolder('bench');
  const sqlite = (tags: number) => ({ sqlite: { file: `${folder.path}/${tags}.db` } });
  const results = await compare('SQLite', [FEW, MANY], sqlite);

  const real = process.env['GANTRY_TEST_MONGODB_URL'];
  if (real !== undefined && real !== '') {
    const databases = new AsyncDisposableStack();
    await using _ = databases;
    const at = () =>
      databases.use(newDatabase((name) => real.replace(/(:\/\/[^/?]+)(?:\/[^?]*)?/, `$1/${name}`)));
    const urls = new Map([FEW, MANY].map((tags) => [tags, at().url]));
    const place = (tags: number) => ({ mongodb: { url: urls.get(tags) as string } });
    return [...results, ...(await compare('MongoDB', [FEW, MANY], place))];
  }
  await using server = await startMongoJavaServer();
  const wire = (tags: number) => ({ mongodb: { url: server.url(`gantry_${tags}`) } });
  return [...results, ...(await compare('mongo-java-server', [WIRE_FEW, WIRE_MANY], wire, byKey))];
}

async function compare(
  engine: string,
  [few, many]: readonly [number, number],
  place: (tags: number) => CatalogConfiguration,
  wanted: (operation: Operation) => boolean = () => true,
): Promise<Result[]> {
  for (const tags of [few, many]) {
    const start = performance.now();
    await using filling = await openCatalogTransfer(place(tags), 'target');
    await filling.load(entries(tags));
    console.error(`  ${engine}: ${tags} tags filled in ${Math.round(performance.now() - start)} ms`);
  }
  await using small = await openCatalog(place(few));
  await using large = await openCatalog(place(many));
  const results: Result[] = [];
  const inLarge = operationsOf(large, many);
  for (const [at, inSmall] of operationsOf(small, few).entries()) {
    if (!wanted(inSmall)) continue;
    const [peerValue, gantry] = await timeBoth([
      [inSmall, few],
      [inLarge[at] as Operation, many],
    ]);
    results.push({
      name: `catalog in ${engine}, ${many} tags: ${inSmall.name}`,
      unit: 'µs',
      gantry,
      peer: `${few} tags`,
      peerValue,
      ratio: gantry / peerValue,
    });
  }
  return results;
}

interface Operation {
  readonly name: string;
  /** Whether it goes by a record's key alone. */
  readonly byKey?: true;
  readonly run: (number: number, repository: string) => Promise<unknown>;
}

function operationsOf(catalog: Catalog, tags: number): readonly Operation[] {
  const { manifests, candidates, channels, promotions, results, waivers, tokens, audit } = catalog;
  const limit = 20;
  let fresh = tags;
  return [
    { name: 'candidates.current', run: (at, repository) => candidates.current(repository, tagAt(at)) },
    { name: 'candidates.byDigest', run: (at, repository) => candidates.byDigest(repository, digestAt(at)) },
    {
      name: 'candidates.currentOf a repository',
      run: (_, repository) => candidates.currentOf(SOURCE, `candidate/${repository}`),
    },
    { name: 'candidates.sourceOf', run: (_, repository) => candidates.sourceOf(repository) },
    { name: 'candidates.list', run: () => candidates.list({ limit }) },
    {
      name: 'candidates.list of a repository',
      run: (_, repository) => candidates.list({ repository, limit }),
    },
    { name: 'candidates.list of a tag name', run: (at) => candidates.list({ tag: tagAt(at), limit }) },
    { name: 'candidates.list of a digest', run: (at) => candidates.list({ digest: digestAt(at), limit }) },
    {
      name: 'candidates.put',
      byKey: true,
      run: (_, repository) => candidates.put(candidateAt(repository, fresh++)),
    },
    {
      name: 'channels.tag',
      byKey: true,
      run: (at, repository) => channels.tag('stable', repository, tagAt(at)),
    },
    { name: 'channels.tagsOf', byKey: true, run: (_, repository) => channels.tagsOf('stable', repository) },
    {
      name: 'channels.byDigest',
      run: (at, repository) => channels.byDigest('stable', repository, digestAt(at)),
    },
    { name: 'channels.repositories', run: () => channels.repositories('stable', { limit }) },
    {
      name: 'channels.apply',
      byKey: true,
      run: (at, repository) => channels.apply('stable', repository, [channelTagAt(repository, at)], []),
    },
    {
      name: 'promotions.get',
      byKey: true,
      run: (at) => promotions.get(`p${Math.floor(at / TAGS_A_REPOSITORY)}`),
    },
    {
      name: 'promotions.create',
      byKey: true,
      run: () => promotions.create(promotionAt(`new${fresh++}`, fresh)),
    },
    { name: 'promotions.list', run: () => promotions.list({ limit }) },
    { name: 'promotions.list of a state', run: () => promotions.list({ state: 'done', limit }) },
    { name: 'promotions.inStates', run: () => promotions.inStates(['gating', 'publishing']) },
    {
      name: 'manifests.naming a layer',
      run: (at) => manifests.naming(layerAt(at - (at % TAGS_A_MANIFEST)), { limit }),
    },
    { name: 'candidates.holding a digest', run: (at) => candidates.holding(digestAt(at), { limit }) },
    { name: 'channels.holding a digest', run: (at) => channels.holding(digestAt(at), { limit }) },
    { name: 'results.latest', run: (at) => results.latest(digestAt(at - (at % TAGS_A_MANIFEST))) },
    {
      name: 'waivers.inForce',
      run: (at) => waivers.inForce('stable', digestAt(at - (at % TAGS_A_REPOSITORY)), NOW),
    },
    { name: 'tokens.get', byKey: true, run: (at) => tokens.get(`t${at - (at % TAGS_A_REPOSITORY)}`) },
    { name: 'audit.append', run: () => audit.append([factAt(fresh++)]) },
  ];
}

const NOW = '2026-12-01T00:00:00.000Z';

/** How often each operation is made; the first fifth warms up. */
const ROUNDS = 100;

/** The median of an operation on each catalog, in µs, on keys all over it; by turns, as a disk is not always as fast. */
async function timeBoth(
  both: readonly [readonly [Operation, number], readonly [Operation, number]],
): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []];
  for (let at = 0; at < ROUNDS; at++) {
    for (const [which, [{ run }, tags]] of both.entries()) {
      const number = (at * 7919 * 104_729) % tags; // the same each time
      const start = performance.now();
      await run(number, repositoryAt(number));
      times[which as 0 | 1].push((performance.now() - start) * 1000);
    }
  }
  const [small, large] = times;
  return [median(small.slice(ROUNDS / 5)), median(large.slice(ROUNDS / 5))];
}
