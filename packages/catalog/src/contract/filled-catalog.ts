import { toProblem } from '@gantry/oci';
import {
  type Catalog,
  candidateRecord,
  confirmationRecord,
  type OutboxEvent,
  promotionRecord,
  publicationRecord,
  taskRecord,
} from '../index.ts';
import {
  auditFact,
  AWKWARD_NAMES,
  candidate,
  channelTag,
  confirmation,
  digest,
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
} from './samples.ts';

const MINUTE_MS = 60_000;

/** Those that a filled catalog knows. */
export const TREES = ['main', 'private'];

/** A catalog with something of every noun, odd names among them. */
export async function fillCatalog(catalog: Catalog): Promise<void> {
  await catalog.manifests.put(
    manifest('index', {
      kind: 'oci-index',
      manifests: [digest('one')],
      absent: [digest('gone')],
      annotations: AWKWARD_NAMES,
      subject: digest('subject'),
      artifactType: 'a/b',
    }),
  );
  await catalog.manifests.put(
    manifest('one', { blobs: [{ digest: digest('layer'), size: 7, foreign: true }] }),
  );
  await Promise.all(Array.from({ length: 600 }, (_, at) => catalog.manifests.put(manifest(`many ${at}`))));
  await catalog.candidates.put(
    candidate({ digest: digest('one'), syncedAt: time(9), labels: AWKWARD_NAMES }),
  );
  // Newer than the one before, though it says that it was synced earlier.
  await catalog.candidates.put(candidate({ digest: digest('two'), syncedAt: time(1) }), [
    event('c1', candidateRecord(candidate({ digest: digest('two') }))),
  ]);
  await catalog.candidates.put(candidate({ tag: '__proto__', platforms: [] }));
  await catalog.candidates.markGone('candidates', 'candidate/app', '__proto__', time(3));
  await catalog.failures.put([
    failure({ problem: toProblem(new Error('boom')) }),
    failure({ sourceRepository: 'candidate/other', retryAt: null }),
    ((whole) => {
      const { tag: _, ...rest } = whole;
      return rest;
    })(failure({ sourceRepository: 'candidate/whole' })),
  ]);
  await catalog.channels.apply(
    'stable',
    'app',
    [
      channelTag({ companions: [{ tag: 'sha256-x.sig', digest: digest('sig') }], referrers: [digest('r')] }),
      channelTag({ tag: 'constructor', digest: digest('two') }),
    ],
    [],
  );
  await catalog.channels.apply('testing', 'app', [channelTag({ channel: 'testing' })], []);
  const first = await catalog.promotions.create(promotion('p1'), [
    event('p1/accepted', promotionRecord({ id: 'p1' })),
  ]);
  await catalog.promotions.create({
    ...promotion('p2'),
    idempotency: { key: 'key', body: digest('body') },
    items: [
      {
        channel: 'stable',
        repository: 'app',
        reference: 'latest',
        digest: digest('one'),
        tags: ['latest'],
        state: 'accepted',
        companions: [],
        referrers: [],
      },
    ],
  });
  await catalog.promotions.replace({ ...first.promotion, state: 'gating' }, [
    event('p1/gating', promotionRecord({ id: 'p1' })),
  ]);
  for (const [at, tree] of TREES.entries()) {
    for (const serial of [1, 2, 7]) await catalog.publications.put(publication(serial, { tree }));
    await catalog.publications.put(publication(8, { tree, promotions: ['p1'], state: 'published' }), [
      event(`${tree}/8`, publicationRecord({ tree, serial: 8 })),
    ]);
    await catalog.pool.apply(tree, 7 + at, [poolObject('a'), poolObject('b', { since: 3 })], []);
    await catalog.pool.condemn(tree, ['b'], time(6));
  }
  await catalog.plans.create(
    plan('plan', {
      items: [
        {
          repository: 'app',
          reference: 'latest',
          digest: digest('one'),
          companions: [],
          referrers: [],
          tags: [{ tag: '__proto__', action: 'add' }],
        },
      ],
    }),
  );
  await catalog.promotions.create(
    promotion('forgotten', { createdAt: time(-9), idempotency: { key: 'forgotten', body: digest('body') } }),
  );
  await catalog.promotions.forgetKeys(time(-8));
  await catalog.promotions.create(
    promotion('p3', { idempotency: { key: 'forgotten', body: digest('body') } }),
  );
  await catalog.retractions.put([retraction({ sequence: 7 }), retraction({ tag: '__proto__' })]);
  // Of one moment: the later one is the newest.
  for (const outcome of ['RUNNING', 'FAILED', 'PASSED'] as const)
    await catalog.results.put(result(`z ${outcome}`.toLowerCase(), { outcome, data: { $gt: ['ключ'] } }));
  await catalog.results.put(result('a', { scenario: 'arm64', submittedAt: time(3) }));
  await catalog.reports.put(report('z', { findings: [{ id: 'CVE-1', severity: 'high' }] }));
  await catalog.reports.put(report('a'));
  await catalog.waivers.create(waiver('z'));
  await catalog.waivers.create(waiver('a'));
  await catalog.waivers.revoke('z', 'test', time(5));
  for (const id of ['z', 'a']) {
    await catalog.tokens.create(tokenRecord(id, { name: 'ci' }));
    if (id === 'z') await catalog.tokens.revoke(id, 'test', time(5));
  }
  await catalog.audit.append([auditFact('a', { at: time(9) }), auditFact('b', { reason: 'ключ' })]);
  await catalog.audit.append([auditFact('c', { at: time(1), actor: 'another' })]);
  await catalog.modes.setReadOnly({ on: true, by: 'test', at: time(1) });
  for (const name of ['one', 'two', 'three']) await catalog.purges.create(purge(name));
  await catalog.garbage.condemn([{ digest: digest('going'), size: 7 }], time(1));
  await catalog.garbage.claim([digest('going')], time(1));
  await catalog.garbage.condemn([{ digest: digest('layer'), size: 8 }], time(2));
  await catalog.candidates.put(candidate({ tag: 'collected' }));
  await catalog.candidates.collect([candidate({ tag: 'collected' })], time(5));
  for (const [serial, mirror] of [
    [8, 'b'],
    [8, 'a'],
    [10, 'ключ'],
  ] as const)
    await catalog.confirmations.put(confirmation(serial, mirror, { tree: 'main' }), [
      event(`${serial}/${mirror}`, confirmationRecord({ tree: 'main', serial, mirror })),
    ]);
  await catalog.confirmations.putMirror(mirrorState('ключ', { tree: 'main', serial: 10 }));
  const made = await catalog.tasks.create(task('t1', { parameters: { source: 'x', __proto__: null } }));
  await catalog.tasks.create(task('t2', { kind: 'publish', state: 'done' }));
  await catalog.tasks.replace({ ...made, state: 'running' }, [event('t1/x', taskRecord({ id: 't1' }))]);
  await catalog.leases.acquire('over', 'a', 0);
  await catalog.leases.acquire('over', 'b', 0);
  await catalog.leases.acquire('publish:main', 'a', MINUTE_MS);
}

function event(id: string, record: OutboxEvent['record']): OutboxEvent {
  return {
    id,
    type: 'x.y',
    subject: id,
    time: time(4),
    data: { ключ: [1, null, { $set: 'x', 'a.b': 1 }] },
    record,
  };
}
