import { type Catalog, candidateRecord, confirmationRecord, promotionRecord } from '@gantry/catalog';
import {
  auditFact,
  candidate,
  channelTag,
  confirmation,
  digest,
  eventOf,
  failure,
  manifest,
  mirrorState,
  plan,
  poolObject,
  promotion,
  publication,
  purge,
  report,
  result,
  retraction,
  task,
  time,
  tokenRecord,
  waiver,
} from '../../packages/catalog/src/contract/samples.ts';

const LATER = '9999-01-01T00:00:00.000Z';
const MINUTE_MS = 60_000;

/** Writes of the nouns that sync, promotion and publication need, with events, in an order that is the same each time. */
export async function writeOfMainJob(catalog: Catalog): Promise<void> {
  const { manifests, candidates, failures, channels, promotions, publications, pool, tasks, leases, outbox } =
    catalog;
  await manifests.put(manifest('one'));
  await manifests.replace(manifest('one', { size: 5 }));
  for (const at of [0, 1, 2]) {
    const one = candidate({ tag: `t${at % 2}`, digest: digest(`d${at}`) });
    await candidates.put(one, [eventOf(candidateRecord(one), 'synced')]);
  }
  await candidates.put(candidate({ tag: 't0', digest: digest('d0') }));
  await candidates.markGone('candidates', 'candidate/app', 't1', time(9));
  await failures.put([failure({ tag: 'a' }), failure({ tag: 'b' })]);
  await failures.put([failure({ tag: 'a', attempts: 2 })]);
  await failures.remove([failure({ tag: 'b' })]);
  for (const at of [0, 1, 2])
    await channels.apply('stable', 'app', [channelTag({ tag: `t${at}` })], [`t${at - 1}`]);
  for (const id of ['p1', 'p2']) {
    const asked = promotion(id, { idempotency: { key: id, body: digest(id) } });
    const { promotion: made } = await promotions.create(asked, [
      eventOf(promotionRecord({ id }), 'accepted'),
    ]);
    const gating = await promotions.replace({ ...made, state: 'gating' });
    if (gating === undefined) throw new Error('the promotion was not replaced');
    await promotions.replace({ ...gating, state: 'done' }, [eventOf(promotionRecord({ id }), 'done')]);
  }
  await publications.put(publication(1));
  await publications.put(publication(1, { state: 'published' }));
  await pool.apply('tree', 1, [poolObject('a'), poolObject('b')], []);
  await pool.apply('tree', 2, [poolObject('b', { size: 2 }), poolObject('c')], ['a']);
  const made = await tasks.create(task('t1'));
  await tasks.replace({ ...made, state: 'done' });
  const lease = await leases.acquire('publish', 'one', 0);
  if (lease !== undefined) await leases.release(lease);
  await leases.acquire('publish', 'two', 10 * MINUTE_MS);
  await outbox.sent((await outbox.pending(LATER, 100)).filter(({ type }) => type !== 'done'));
}

/** Writes of all other nouns, and what takes records away. */
export async function writeBesideIt(catalog: Catalog): Promise<void> {
  const { manifests, candidates, promotions, plans, retractions } = catalog;
  const { results, reports, waivers, tokens, audit, modes, purges } = catalog;
  const { confirmations, garbage, pool } = catalog;
  await plans.create(plan('plan'));
  await plans.create(plan('old', { expiresAt: time(1) }));
  await plans.forget(time(2));
  const keyed = { createdAt: time(-9), idempotency: { key: 'forgotten', body: digest('body') } };
  await promotions.create(promotion('p3', keyed));
  await promotions.forgetKeys(time(-8));
  for (const sequence of [1, 3, 2]) await retractions.put([retraction({ sequence })]);
  for (const at of [0, 1]) {
    await results.put(result(`r${at}`, { outcome: at === 1 ? 'PASSED' : 'FAILED' }));
    await reports.put(report(`r${at}`, { findings: [{ id: `CVE-${at}`, severity: 'low' }] }));
    await waivers.create(waiver(`w${at}`));
    await tokens.create(tokenRecord(`t${at}`));
    await purges.create(purge(`p${at}`));
    await audit.append([auditFact(`${at}`), auditFact('and')]);
    await modes.setReadOnly({ on: at !== 1, by: `${at}`, at: time(at) });
  }
  for (const id of ['w0', 'w1']) await waivers.revoke(id, 'test', time(5));
  for (const id of ['t0', 't1']) await tokens.revoke(id, 'test', time(5));
  await tokens.create(tokenRecord('t3', { name: 'name of t0' }));
  for (const state of ['late', 'confirmed', 'failed'] as const) {
    const one = confirmation(1, 'a', { state });
    await confirmations.put(one, [eventOf(confirmationRecord(one), state)]);
    await confirmations.putMirror(mirrorState('a', { url: state }));
  }
  await garbage.condemn(
    ['g0', 'g1', 'g2', 'g3'].map((name) => ({ digest: digest(name), size: 1 })),
    time(1),
  );
  await garbage.spare([digest('g0')]);
  await garbage.claim([digest('g1'), digest('g2')], time(1));
  await garbage.forget([digest('g1'), digest('g3')]);
  await pool.apply('spare', 1, [poolObject('a'), poolObject('b')], []);
  await pool.condemn('spare', ['a', 'b'], time(1));
  await pool.spare('spare', ['a']);
  await candidates.put(candidate({ tag: 'collected' }));
  await candidates.collect([candidate({ tag: 'collected' })], time(2));
  await manifests.put(manifest('gone'));
  await manifests.remove([digest('gone')]);
  await candidates.put(candidate({ tag: 'gone' }));
  await candidates.remove([candidate({ tag: 'gone' })]);
}

/** All that is there, but for what the number of attempts may change: sequences and fences. */
export async function stateOf(catalog: Catalog): Promise<unknown> {
  const page = { limit: 100 };
  const promotions = await catalog.promotions.list(page);
  const leases = await catalog.leases.list();
  return {
    manifest: await catalog.manifests.get(digest('one')),
    candidates: (await catalog.candidates.list(page)).items,
    current: [...(await catalog.candidates.currentOf('candidates', 'candidate/app')).values()],
    failures: await catalog.failures.list(page),
    channels: await catalog.channels.tagsOf('stable', 'app'),
    promotions: promotions.items.map((one) => ({ ...one, sequence: 0 })),
    publications: await catalog.publications.list('public', page),
    pool: await Array.fromAsync(catalog.pool.list('tree')),
    serial: await catalog.pool.serial('tree'),
    plans: await Promise.all(['plan', 'old'].map((id) => catalog.plans.get(id))),
    retractions: await catalog.retractions.of('stable', 'app'),
    results: (await catalog.results.list(page)).items,
    latest: await catalog.results.latest(digest('one')),
    reports: (await catalog.reports.list(page)).items,
    latestReports: await catalog.reports.latest(digest('one')),
    waivers: (await catalog.waivers.list(page)).items,
    tokens: (await catalog.tokens.list(page)).items,
    named: await catalog.tokens.byName('name of t0'),
    audit: await catalog.audit.after(0, 100),
    readOnly: await catalog.modes.readOnly(),
    purges: (await catalog.purges.list(page)).items,
    collected: await catalog.candidates.current('app', 'collected'),
    confirmations: (await catalog.confirmations.list('public', page)).items,
    mirrors: await catalog.confirmations.mirrors('public'),
    garbage: (await catalog.garbage.list(page)).items,
    spare: await Array.fromAsync(catalog.pool.list('spare')),
    gone: await catalog.manifests.get(digest('gone')),
    tasks: await catalog.tasks.list(page).then(({ items }) => items),
    leases: leases.map(({ name, holder }) => ({ name, holder })),
    events: (await catalog.outbox.pending(LATER, 100)).map(({ id }) => id),
  };
}
