import path from 'node:path';
import { openCatalog } from '@gantry/catalog';
import { authenticateByStoredTokens, type Authenticator, createTokenTable, makeToken } from '@gantry/service';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { SOAK } from './soak.ts';

const SAMPLES = SOAK ? 10_000 : 100;
/** As TVLA has it: what is above comes by chance once in 100,000 times. Few samples, among other tests, say nothing. */
const T_MAX = SOAK ? 4.5 : Number.POSITIVE_INFINITY;
const unknown = () => makeToken().token;
const random = () => makeToken().token.slice(-8);
const RIGHT = 'a-token-of-the-configuration-0123456789';

test('how long a refusal takes does not tell an unknown token from a wrong secret', async () => {
  await using folder = await temporaryFolder('token-timing');
  await using catalog = await openCatalog({ sqlite: { file: path.join(folder.path, 'catalog.db') } });
  const { id, hash } = makeToken();
  const createdAt = new Date().toISOString();
  await catalog.tokens.create({
    id,
    name: 'ci',
    hash,
    scopes: ['read'],
    groups: [],
    createdBy: 'admin',
    createdAt,
  });
  const authenticator = authenticateByStoredTokens(catalog.tokens, () => new Date());
  const wrong = () => makeToken().token.replace(/_[0-9a-f]{16}_/, `_${id}_`);
  expect(Math.abs(await compare(authenticator, unknown, wrong))).toBeLessThan(T_MAX);
}, 120_000);

test('nor how much of a token of the configuration is right', async () => {
  const table = createTokenTable([{ name: 'boss', token: RIGHT, scopes: ['admin'] }]);
  const near = () => RIGHT.slice(0, -8) + random();
  const far = () => random() + RIGHT.slice(8);
  expect(Math.abs(await compare(table, near, far))).toBeLessThan(T_MAX);
}, 120_000);

/** Welch's t of how long the one kind of token takes and the other, in an order that is random. */
async function compare(
  authenticator: Authenticator,
  ...kinds: [() => string, () => string]
): Promise<number> {
  const taken: [number[], number[]] = [[], []];
  const warmUp = SAMPLES / 5;
  for (let count = 0; taken.some((one) => one.length < SAMPLES); count++) {
    const kind = Math.random() < 0.5 ? 0 : 1;
    const header = `Bearer ${kinds[kind]()}`;
    const startedNs = process.hrtime.bigint();
    const identity = await authenticator.identify(header);
    const tookNs = Number(process.hrtime.bigint() - startedNs);
    expect(identity).toBeUndefined();
    if (count >= warmUp) taken[kind].push(tookNs);
  }
  const [a, b] = [moments(taken[0]), moments(taken[1])];
  return (a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count);
}

function moments(values: readonly number[]): { count: number; mean: number; variance: number } {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { count, mean, variance };
}
