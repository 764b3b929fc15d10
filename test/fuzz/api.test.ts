import path from 'node:path';
import { fuzz } from '../clients/schemathesis.ts';
import { openApi } from '../clients/gantry-api.ts';
import { SEED, SOAK } from '../faults/soak.ts';
import { freePorts } from '../servers/free-port.ts';
import { ADMIN_TOKEN, GANTRY_BIN } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/**
 * The whole API on a real service with content in it, fuzzed from its own OpenAPI document: no 5xx, and no answer that the
 * document does not tell of.
 */

/** What can't be fuzzed like this, and where it is tested instead. */
const WITHOUT = {
  operations: [
    'followEvents', // has no end: apps/promote/src/api/routes/events.test.ts
    'setReadOnly', // would have all else refused: apps/promote/src/api/routes/read-only.test.ts
  ],
  checks: [
    'ignored_auth', // sends more wrong tokens than one address may: apps/promote/src/api/access.test.ts
  ],
};

let folder: TemporaryFolder;
let server: ServerProcess | undefined;
let url: string;
const real = needs('schemathesis').showing(() => (server === undefined ? [] : [server]));

real.beforeAll(async () => {
  folder = await temporaryFolder('fuzz');
  const [api, crane, admin, tree] = (await freePorts(4)).map((port) => `127.0.0.1:${port}`);
  url = `http://${api}`;
  server = await startProcess({
    name: 'gantry serve all --demo',
    command: process.execPath,
    args: [GANTRY_BIN, 'serve', 'all', '--demo'],
    cwd: folder.path,
    env: {
      ...process.env,
      GANTRY_CONFIG: '',
      GANTRY_LOG_LEVEL: 'error',
      GANTRY_API_LISTEN: api,
      GANTRY_CRANE_LISTEN: crane,
      GANTRY_CRANE_ADMIN_LISTEN: admin,
      GANTRY_TREE_LISTEN: tree,
      GANTRY_API_TOKENS: JSON.stringify([{ name: 'tests', token: ADMIN_TOKEN, scopes: ['admin'] }]),
      GANTRY_API_LIMITS_REQUESTS_PER_SECOND: '100000',
      GANTRY_API_LIMITS_BURST: '100000',
    },
    ready: async (log) => log.includes('Ready.'),
    readyWithinMs: 90_000,
  });
}, 90_000);

real.afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
}, 30_000);

real.test(
  'each endpoint, fuzzed from its own OpenAPI document, answers as the document says, and never with a 5xx',
  async () => {
    const { code, stdout, stderr } = await fuzz(url, {
      token: ADMIN_TOKEN,
      configuration: path.join(import.meta.dirname, 'schemathesis.toml'),
      seed: SEED,
      examples: SOAK ? 100 : 10,
      without: WITHOUT,
      folder: folder.path,
      timeoutMs: SOAK ? 3_600_000 : 420_000,
    });
    if (code !== 0) throw new Error(`schemathesis ended with ${code}:\n${stderr}${stdout.slice(-20_000)}`);
    const [, generated = '0'] = /(\d+) generated/.exec(stdout) ?? [];
    expect(Number(generated)).toBeGreaterThan(2000);
    // What was sent has broken nothing.
    const api = openApi(url, ADMIN_TOKEN);
    expect((await api.call('GET', '/readyz')).status).toBe(200);
    expect((await api.call('GET', '/api/v1/audit?limit=1')).status).toBe(200);
    expect(server?.log()).not.toMatch(/"level":"(?:error|fatal)"/);
  },
  SOAK ? 7_400_000 : 900_000,
);
