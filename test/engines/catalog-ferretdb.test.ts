import { openCatalog } from '@gantry/catalog';
import { type Ferretdb, startFerretdb } from '../servers/ferretdb.ts';
import { newDatabase } from '../servers/mongo-engines.ts';
import { needs } from '../servers/parts.ts';

let server: Ferretdb;
const real = needs('ferretdb').showing(() => [server]);
real.beforeAll(async () => {
  server = await startFerretdb();
}, 30_000);
real.afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
}, 30_000);

real.test(
  'a server that lets two writers change one document at once is refused, whatever it calls itself',
  async () => {
    await using database = newDatabase((name) => server.url(name));
    const url = server.unguardedUrl(database.name);
    await expect(openCatalog({ mongodb: { url } })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(/^catalog\.mongodb\.url: .*two writers.*name a MongoDB/),
    });
    // the same server where commands come one by one
    await using catalog = await openCatalog({ mongodb: { url: database.url } });
    expect(await catalog.pool.serial('tree')).toBe(0);
  },
);
