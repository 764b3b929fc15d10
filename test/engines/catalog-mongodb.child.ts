import { once } from 'node:events';
import { openCatalog, promotionRecord } from '@gantry/catalog';
import { eventOf, promotion } from '../../packages/catalog/src/contract/samples.ts';

/**
 * What the tests run as another process: `node catalog-mongodb.child.ts COMMAND URL NAME CLOCK_MS`, its own clock wrong
 * by so much. It answers in lines of JSON.
 */
const [command, url = '', name = '', clockMs = '0'] = process.argv.slice(2);
shiftClock(Number(clockMs));
const catalog = await openCatalog({ mongodb: { url } });
const MINUTE_MS = 60_000;

switch (command) {
  case 'create':
    await createAtOnce();
    break;
  case 'lease':
    await takeWhatIsFree();
    break;
  default:
    throw new Error(`no command ${command}`);
}
await catalog[Symbol.asyncDispose]();
process.stdin.destroy();

/** On a word from the test, creates 100 promotions, ten at a time. Prints the sequences of each ten. */
async function createAtOnce(): Promise<void> {
  console.log(JSON.stringify('ready'));
  await once(process.stdin, 'data');
  const sequences: number[][] = [];
  for (let at = 0; at < 100; at += 10) {
    const made = await Promise.all(
      Array.from({ length: 10 }, (_, by) => catalog.promotions.create(promotion(`${name}${at + by}`))),
    );
    sequences.push(made.map(({ promotion: { sequence } }) => sequence));
  }
  console.log(JSON.stringify(sequences));
}

/** Takes two leases, says that it is there, stores an event, and prints what it sees. */
async function takeWhatIsFree(): Promise<void> {
  const now = new Date().toISOString();
  const { workers, leases, promotions, outbox } = catalog;
  const worker = {
    id: name,
    service: 'promote',
    host: 'here',
    pid: process.pid,
    version: '1',
    startedAt: now,
  };
  await workers.beat(worker, MINUTE_MS);
  const taken = [
    await leases.acquire('contested', name, MINUTE_MS),
    await leases.acquire('over at once', name, 0),
  ];
  await promotions.create(promotion(name), [eventOf(promotionRecord({ id: name }), 'accepted')]);
  const [contested] = await leases.list();
  console.log(
    JSON.stringify({
      now,
      taken,
      contested,
      workers: (await workers.list()).map(({ id, seenAt }) => ({ id, seenAt })),
      pending: (await outbox.pending(contested?.expiresAt ?? '', 10)).map(({ record }) => record.key),
    }),
  );
}

/** Lets `Date` tell another time, as on a machine whose clock is wrong. */
function shiftClock(byMs: number): void {
  const RealDate = Date;
  globalThis.Date = new Proxy(RealDate, {
    construct: (_, args: unknown[]) =>
      args.length === 0 ? new RealDate(RealDate.now() + byMs) : (Reflect.construct(RealDate, args) as Date),
    get: (target, property, receiver) =>
      property === 'now' ? () => RealDate.now() + byMs : (Reflect.get(target, property, receiver) as unknown),
  });
}
