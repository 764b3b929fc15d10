import type {
  Candidate,
  OutboxEvent,
  Promotion,
  PromotionState,
  Publication,
  Task,
  Verdict,
} from '@gantry/catalog';
import { CloudEvent } from '@gantry/messages';
import { type Digest, digestOf, Fault, toProblem } from '@gantry/oci';
import { candidateEvents } from './candidate-events.ts';
import { toCloudEvent } from './cloud-event.ts';
import { EVENT_DATA, type EventType, PromotionData, SyncData } from './event-data.ts';
import { promotionEvents } from './promotion-events.ts';
import { publicationEvents } from './publication-events.ts';
import { taskEvents } from './task-events.ts';

const at = '2026-11-21T09:00:00.000Z';
const later = '2026-11-21T10:00:00.000Z';
const digest = (name: string): Digest => digestOf(name);
const problem = toProblem(new Fault('REFERENCE_UNKNOWN', 'app:2 is not among the candidates'));

const candidate: Candidate = {
  source: 'builds',
  sourceRepository: 'candidate/app',
  repository: 'app',
  tag: 'latest',
  digest: digest('one'),
  mediaType: 'application/vnd.oci.image.index.v1+json',
  platforms: ['linux/amd64'],
  size: 10,
  labels: { a: 'b' },
  syncedAt: at,
  companions: [],
  referrers: [],
};
const promotion: Promotion = {
  id: 'p1',
  sequence: 4,
  revision: 2,
  kind: 'promote',
  to: 'stable',
  state: 'queued',
  atomic: false,
  items: [
    {
      channel: 'stable',
      repository: 'app',
      reference: '1',
      digest: digest('one'),
      tags: ['1', 'latest'],
      state: 'accepted',
      companions: [{ tag: 'sha256-x.sig', digest: digest('signature') }],
      referrers: [digest('sbom')],
    },
    {
      channel: 'stable',
      repository: 'app',
      reference: '2',
      digest: null,
      tags: ['2'],
      state: 'refused',
      companions: [],
      referrers: [],
      problem,
    },
  ],
  requestedBy: 'ci',
  idempotency: { key: 'ci secret', body: digest('body') },
  timeline: [{ at, state: 'queued' }],
  createdAt: at,
};
const publication: Publication = {
  tree: 'main',
  serial: 7,
  state: 'published',
  root: digest('root'),
  promotions: ['p1'],
  added: { objects: 2, bytes: 30 },
  publishedAt: at,
};
const task: Task = {
  id: 't1',
  revision: 3,
  kind: 'sync',
  parameters: { source: 'builds' },
  state: 'done',
  progress: { bytes: 9, blobs: 2, tags: 3, expected: { bytes: 9, blobs: 2, tags: 3 } },
  errors: [],
  createdAt: at,
  endedAt: later,
};
const inState = (state: PromotionState): Promotion => ({
  ...promotion,
  state,
  timeline: [...promotion.timeline, { at: later, state }],
});

/** The events, each held against its shape and against what a message can be. */
function checked(events: readonly OutboxEvent[]): readonly OutboxEvent[] {
  for (const event of events) {
    EVENT_DATA[event.type as EventType].parse(event.data);
    expect(CloudEvent.parse(toCloudEvent(event))).toEqual({
      specversion: '1.0',
      id: event.id,
      source: '/gantry',
      type: event.type,
      subject: event.subject,
      time: event.time,
      datacontenttype: 'application/json',
      data: event.data,
    });
  }
  return events;
}
const typesOf = (events: readonly OutboxEvent[]) => checked(events).map(({ type }) => type);

describe('a candidate', () => {
  test('that is new says what the tag means, and since when', () => {
    expect(checked(candidateEvents(undefined, candidate))).toEqual([
      {
        id: expect.stringMatching(/^candidate\/[0-9a-f]{64}\/synced\/2026-11-21T09:00:00.000Z$/),
        type: 'candidate.synced',
        subject: 'app:latest',
        time: at,
        data: {
          source: 'builds',
          sourceRepository: 'candidate/app',
          repository: 'app',
          tag: 'latest',
          digest: candidate.digest,
          former: null,
          mediaType: candidate.mediaType,
        },
        record: { noun: 'candidates', key: JSON.stringify(['builds', 'app', 'latest', candidate.digest]) },
      },
    ]);
  });

  test('that has only got companions says nothing; one that moved says where from', () => {
    const moved = { ...candidate, digest: digest('two'), syncedAt: later };
    expect(candidateEvents(candidate, { ...candidate, referrers: [digest('sbom')] })).toEqual([]);
    expect(checked(candidateEvents(candidate, moved))[0]?.data).toMatchObject({ former: candidate.digest });
  });

  test('that had gone and is there again is new', () => {
    const events = checked(candidateEvents({ ...candidate, goneAt: at }, { ...candidate, syncedAt: later }));
    expect(events[0]?.data).toMatchObject({ former: null, digest: candidate.digest });
  });

  test('has another id each time that its tag comes back to it, and for each tag', () => {
    const ids = [
      candidate,
      { ...candidate, syncedAt: later },
      { ...candidate, tag: 'l'.repeat(128), repository: 'r'.repeat(255) },
    ].flatMap((one) => checked(candidateEvents(undefined, one)).map(({ id }) => id));
    expect(new Set(ids).size).toBe(3);
  });
});

describe('a promotion', () => {
  test('that is accepted says all that was asked, without what only the services need', () => {
    const [event] = checked(promotionEvents(undefined, promotion));
    expect(event).toEqual({
      id: 'promotion/p1/accepted',
      type: 'promotion.accepted',
      subject: 'p1',
      time: at,
      data: {
        id: 'p1',
        kind: 'promote',
        to: 'stable',
        state: 'queued',
        serial: null,
        itemCount: 2,
        items: [
          {
            channel: 'stable',
            repository: 'app',
            reference: '1',
            digest: digest('one'),
            tags: ['1', 'latest'],
            state: 'accepted',
          },
          {
            channel: 'stable',
            repository: 'app',
            reference: '2',
            digest: null,
            tags: ['2'],
            state: 'refused',
            problem,
          },
        ],
        gates: [],
        timeline: [{ at, state: 'queued' }],
        plan: null,
        error: null,
        reason: null,
        requestedBy: 'ci',
      },
      record: { noun: 'promotions', key: 'p1' },
    });
  });

  test.each(['refused', 'done', 'partial', 'failed', 'cancelled'] as const)(
    'that ends %s says so, once, with the time of it',
    (state) => {
      expect(typesOf(promotionEvents(inState('publishing'), inState(state)))).toEqual([`promotion.${state}`]);
      expect(promotionEvents(inState('queued'), inState(state))[0]).toMatchObject({
        id: `promotion/p1/${state}`,
        time: later,
      });
      expect(promotionEvents(inState(state), inState(state))).toEqual([]);
    },
  );

  test('of ten thousand items tells of the first thousand, and how many there are', () => {
    const [item] = promotion.items;
    const items = Array.from({ length: 10_000 }, (_, n) => ({ ...item, repository: `r${n}` }));
    const [event] = checked(promotionEvents(undefined, { ...promotion, items } as Promotion));
    const data = PromotionData.parse(event?.data);
    expect([data.itemCount, data.items.length, data.items[999]?.repository]).toEqual([10_000, 1000, 'r999']);
  });

  test('that is refused at once was never accepted', () => {
    expect(typesOf(promotionEvents(undefined, inState('refused')))).toEqual(['promotion.refused']);
  });

  test('that only goes on says nothing', () => {
    expect(promotionEvents(inState('queued'), inState('gating'))).toEqual([]);
    expect(promotionEvents(inState('gating'), inState('promoting'))).toEqual([]);
  });

  test('that can not be cancelled any more says so, with its timeline', () => {
    const [event] = checked(promotionEvents(inState('promoting'), inState('publishing')));
    expect(event).toMatchObject({
      id: 'promotion/p1/publishing',
      type: 'promotion.publishing',
      data: { state: 'publishing', timeline: [{ state: 'queued' }, { at: later, state: 'publishing' }] },
    });
  });

  test('that waits says once for which gates, and again when they are others', () => {
    const verdict = (gate: string, state: Verdict['state'], n = 1): Verdict => ({
      gate,
      kind: 'results',
      repository: 'app',
      digest: digest('one'),
      state,
      at: later,
      requirements: Array.from({ length: n }, (_, number) => ({
        name: `test ${number}`,
        satisfied: state === 'passed',
        type: 'test-result-missing',
        detail: 'nobody has reported it',
      })),
    });
    const gating = (revision: number, ...gates: Verdict[]) => ({ ...inState('gating'), revision, gates });
    const asked = { ...inState('gating'), revision: 3 };
    const two = gating(
      4,
      verdict('tests', 'waiting', 20),
      verdict('scan', 'waiting'),
      verdict('age', 'passed'),
    );
    const [event] = checked(promotionEvents(asked, two));
    expect(event).toMatchObject({ id: 'promotion/p1/waiting/3', type: 'promotion.waiting', time: later });
    const { gates, state } = PromotionData.parse(event?.data);
    expect([state, gates.map(({ gate, missing }) => [gate, missing.length])]).toEqual([
      'gating',
      [
        ['tests', 10],
        ['scan', 1],
      ],
    ]);
    const fewerTests = gating(5, verdict('scan', 'waiting'), verdict('tests', 'waiting', 3));
    expect(promotionEvents(two, fewerTests)).toEqual([]);
    const one = gating(6, verdict('scan', 'passed'), verdict('tests', 'waiting', 3));
    expect(checked(promotionEvents(fewerTests, one))[0]?.id).toBe('promotion/p1/waiting/5');
  });
});

describe('a publication', () => {
  test('says what it brought when it is published', () => {
    expect(checked(publicationEvents({ state: 'preparing' }, publication))).toEqual([
      {
        id: 'publication/main/7/done',
        type: 'publication.done',
        subject: 'main 7',
        time: at,
        data: {
          tree: 'main',
          serial: 7,
          root: publication.root,
          promotions: ['p1'],
          added: { objects: 2, bytes: 30 },
          publishedAt: at,
        },
        record: { noun: 'publications', key: '["main",7]' },
      },
    ]);
  });

  test('in preparation, published already, or only learnt of from the tree, says nothing', () => {
    expect(publicationEvents({ state: 'preparing' }, { ...publication, state: 'preparing' })).toEqual([]);
    expect(publicationEvents({ state: 'published' }, publication)).toEqual([]);
    expect(publicationEvents(undefined, publication)).toEqual([]);
  });
});

describe('a sync', () => {
  const running = { state: 'running' } as const;

  test('that is done says what came', () => {
    expect(checked(taskEvents(running, task))).toEqual([
      {
        id: 'task/t1/done',
        type: 'sync.done',
        subject: 'builds',
        time: later,
        data: {
          id: 't1',
          source: 'builds',
          state: 'done',
          progress: { bytes: 9, blobs: 2, tags: 3 },
          failed: 0,
          errors: [],
        },
        record: { noun: 'tasks', key: 't1' },
      },
    ]);
  });

  test('that did not bring everything has failed, with what and how far, and a list that is not endless', () => {
    const errors = [
      { item: 'app:1', problem, retryAt: later },
      ...Array.from({ length: 999 }, (_, n) => ({ item: `app:x${n}`, problem })),
    ];
    const [event] = checked(taskEvents(running, { ...task, state: 'partial', errors }));
    expect(event).toMatchObject({ id: 'task/t1/failed', type: 'sync.failed' });
    expect(event?.data).toMatchObject({ state: 'partial', failed: 1000 });
    const shown = SyncData.parse(event?.data).errors;
    expect(shown).toHaveLength(100);
    expect(shown.slice(0, 2)).toEqual([
      { item: 'app:1', problem, retryAt: later },
      { item: 'app:x0', problem, retryAt: null },
    ]);
    expect(typesOf(taskEvents(running, { ...task, state: 'failed', errors }))).toEqual(['sync.failed']);
  });

  test('that is dry, cancelled or no sync says nothing, nor one that has not changed its state', () => {
    expect(taskEvents(running, { ...task, parameters: { source: 'builds', dryRun: true } })).toEqual([]);
    expect(taskEvents(running, { ...task, state: 'cancelled' })).toEqual([]);
    expect(taskEvents(running, { ...task, kind: 'publish', parameters: {} })).toEqual([]);
    expect(taskEvents(task, task)).toEqual([]);
  });
});
