import { type Digest, digestOf } from '@gantry/oci';
import { Pool } from './rendezvous.ts';
import { chooseMirror, type Client, lastResort, qualifies, type Wanted } from './choose-mirror.ts';
import { type MirrorOptions, type MirrorState, readMirrors } from './mirror.ts';
import { RecentRedirects } from './recent-redirects.ts';

const DIGEST = digestOf('content');
const ANY: Wanted = { repository: 'team/app', digest: DIGEST, path: 'pool/of-the-test', size: 7, since: 1 };

/** One that nothing is known of. */
function someone(among: readonly MirrorState[]): Client {
  const mirrors = among.map(({ mirror }) => mirror);
  return { pools: [new Pool(mirrors, [...mirrors.keys()])], sentBefore: () => [], sendTo() {} };
}

function stateOf(option: Partial<MirrorOptions>, state: Partial<MirrorState> = {}): MirrorState {
  const [mirror] = readMirrors([{ name: 'one', url: 'https://one.example/tree', ...option }]);
  if (mirror === undefined) throw new Error('no mirror');
  return { mirror, healthy: true, serial: 10, kinds: new Set(['oci-index'] as const), ...state };
}

test.each<[string, Partial<MirrorState>, Partial<Wanted>, boolean]>([
  ['has the object', {}, {}, true],
  ['is at the very serial', { serial: 5 }, { since: 5 }, true],
  ['lags behind the object', { serial: 4 }, { since: 5 }, false],
  ['failed its probe', { healthy: false }, {}, false],
  ['proved the kind', {}, { kind: 'oci-index' }, true],
  ['did not prove the kind', {}, { kind: 'docker-list' }, false],
  ['is not trusted, and that is asked', {}, { trustedOnly: true }, false],
])('a mirror that %s', (_, state, wanted, good) => {
  expect(qualifies(stateOf({}, state), { ...ANY, ...wanted })).toBe(good);
});

test('a redirector qualifies for what needs its type only if it is vouched for', () => {
  const option = { url: 'https://m.example/list', mirrormanager: { path: 'gantry', graceMs: 1 } };
  const typed = { ...ANY, isTyped: true };
  expect(qualifies(stateOf(option), typed)).toBe(false);
  expect(qualifies(stateOf({ ...option, trusted: true }), typed)).toBe(true);
  expect(qualifies(stateOf({}), typed)).toBe(true);
  expect(qualifies(stateOf(option), ANY)).toBe(true);
});

test('a trusted mirror qualifies where trust is asked for', () => {
  expect(qualifies(stateOf({ trusted: true }), { ...ANY, trustedOnly: true })).toBe(true);
});

function choose(among: readonly MirrorState[], digest: Digest): string | undefined {
  return chooseMirror(among, { ...ANY, digest }, someone(among))?.mirror.name;
}

describe('of several that qualify', () => {
  const states = [
    stateOf({ name: 'de', weight: 100 }),
    stateOf({ name: 'us', weight: 300 }),
    stateOf({ name: 'jp', weight: 100 }),
  ];
  const digests = Array.from({ length: 5000 }, (_, index) => digestOf(`blob ${index}`));

  test('the same one is chosen for the same digest, in whatever order they stand', () => {
    for (const digest of digests.slice(0, 200)) {
      expect(choose(states.toReversed(), digest)).toBe(choose(states, digest));
    }
  });

  test('each gets its share', () => {
    const counts = Map.groupBy(digests, (digest) => choose(states, digest));
    const share = (name: string) => (counts.get(name)?.length ?? 0) / digests.length;
    expect(share('de')).toBeCloseTo(0.2, 1);
    expect(share('us')).toBeCloseTo(0.6, 1);
    expect(share('jp')).toBeCloseTo(0.2, 1);
  });

  test('one that goes moves only what it had', () => {
    const without = states.filter(({ mirror }) => mirror.name !== 'jp');
    const others = digests.filter((digest) => choose(states, digest) !== 'jp');
    expect(others.map((digest) => choose(without, digest))).toEqual(
      others.map((digest) => choose(states, digest)),
    );
  });

  test('digests of 512 bits are spread, too', () => {
    const chosen = new Set(
      Array.from({ length: 50 }, (_, index) => choose(states, digestOf(`blob ${index}`, 'sha512'))),
    );
    expect(chosen).toEqual(new Set(['de', 'us', 'jp']));
  });
});

test('none is chosen where none qualifies', () => {
  expect(chooseMirror([], ANY, someone([]))).toBeUndefined();
  const late = [stateOf({}, { serial: 0 })];
  expect(chooseMirror(late, ANY, someone(late))).toBeUndefined();
});

function resort(...among: readonly MirrorState[]): MirrorState | undefined {
  return lastResort(among, ANY, someone(among));
}

test('the last resort is a trusted mirror, rather one that answers', () => {
  const down = stateOf({ name: 'down', trusted: true, weight: 1_000_000 }, { healthy: false });
  const late = stateOf({ name: 'late', trusted: true, weight: 1 }, { serial: 1 });
  const stranger = stateOf({ name: 'stranger' });
  expect(resort(stranger, down, late)).toBe(late);
  expect(resort(stranger, down)).toBe(down);
  expect(resort(stranger)).toBeUndefined();
});

function trusted(state: MirrorState): MirrorState {
  return { ...state, mirror: { ...state.mirror, trusted: true } };
}

describe('for a client that is near to some', () => {
  const [near, far, other] = [
    stateOf({ name: 'near' }),
    stateOf({ name: 'far' }),
    stateOf({ name: 'other' }),
  ];
  const mirrors = [near, far, other].map(({ mirror }) => mirror);
  const pools = [new Pool(mirrors, [0]), new Pool(mirrors, [0, 1]), new Pool(mirrors, [0, 1, 2])];
  const states = [near, far, other];

  /** One that is remembered where it was sent. */
  const client = (...before: number[]): Client => {
    const recent = new RecentRedirects();
    for (const member of before) recent.note(1, 1, member, 0);
    return {
      pools,
      sentBefore: () => recent.mirrors(1, 1, 0),
      sendTo: (_, member) => recent.note(1, 1, member, 0),
    };
  };

  test('one of the nearest that qualifies is chosen', () => {
    expect(chooseMirror(states, ANY, client())).toBe(near);
    expect(chooseMirror([{ ...near, healthy: false }, far, other], ANY, client())).toBe(far);
    expect(chooseMirror([{ ...near, serial: 0 }, { ...far, serial: 0 }, other], ANY, client())).toBe(other);
  });

  test('one that comes back for the same object is at each mirror once before it is at the first again', () => {
    const same = client();
    const chosen = Array.from({ length: 7 }, () => chooseMirror(states, ANY, same));
    expect(chosen).toEqual([near, far, other, near, far, other, near]);
  });

  test('so it is when mirrors go out of use meanwhile', () => {
    expect(chooseMirror([{ ...near, healthy: false }, far, other], ANY, client(0))).toBe(far);
    expect(chooseMirror([near, { ...far, healthy: false }, other], ANY, client(0, 1))).toBe(other);
    expect(chooseMirror([near, far, { ...other, healthy: false }], ANY, client(0, 1))).toBe(near);
  });

  test('one on trial comes before one that the client was at', () => {
    const onTrial = [near, { ...far, onTrial: true as const }, { ...other, healthy: false }];
    expect(chooseMirror(onTrial, ANY, client(0))).toBe(onTrial[1]);
  });

  test.each([{ onTrial: true as const }, { suspected: true as const }])(
    'one that comes back leaves no pool before it was at all of it: %o',
    (sparing) => {
      const pair = [near, { ...far, ...sparing }, other];
      const two: Client = {
        ...client(0),
        pools: [new Pool(mirrors, [0, 1]), new Pool(mirrors, [0, 1, 2])],
      };
      expect(chooseMirror(pair, ANY, two)).toBe(pair[1]);
      expect(chooseMirror(pair, ANY, two)).toBe(other);
    },
  );

  test('one that comes back is sent to the same mirror when there is no other', () => {
    const down = [near, { ...far, healthy: false }, { ...other, healthy: false }];
    expect(chooseMirror(down, ANY, client(0))).toBe(near);
    expect(chooseMirror(down, { ...ANY, isHere: true }, client(0))).toBe(near);
  });

  test('what the crane has itself is had from there by who was at all of several mirrors', () => {
    const same = client();
    const here = { ...ANY, isHere: true };
    const chosen = Array.from({ length: 5 }, () => chooseMirror(states, here, same));
    expect(chosen).toEqual([near, far, other, undefined, undefined]);
    expect(chooseMirror([near, { ...far, healthy: false }, other], here, client(0, 1))).toBe(other);
  });

  test('who it came back from is told of, with what it was sent there for', () => {
    const told: unknown[] = [];
    const listening = { ...client(2, 0), cameBackFrom: (...all: unknown[]) => void told.push(all) };
    chooseMirror(states, ANY, listening);
    expect(told).toEqual([[near.mirror, ANY]]);
  });

  test('the last resort is another one each time, too', () => {
    const lost = [trusted({ ...near, healthy: false }), trusted({ ...far, serial: 0 }), other];
    const same = client();
    expect(Array.from({ length: 3 }, () => lastResort(lost, ANY, same))).toEqual([lost[1], lost[0], lost[1]]);
  });
});

test('a mirror of some repositories gets requests for those alone', () => {
  const partial = stateOf({ repositories: ['team/*', 'library/**'], trusted: true });
  const chosen = (repository: string) => chooseMirror([partial], { ...ANY, repository }, someone([partial]));
  expect(['team/app', 'library/a/b'].map(chosen)).toEqual([partial, partial]);
  expect(['team/a/b', 'other'].map(chosen)).toEqual([undefined, undefined]);
  expect(lastResort([partial], { ...ANY, repository: 'other' }, someone([partial]))).toBeUndefined();
});

test('what is private goes to mirrors that look for a signature alone, in the last resort, too', () => {
  const plain = stateOf({ name: 'plain', trusted: true, weight: 1_000_000 });
  const signed = stateOf({ name: 'signed', trusted: true, signed: true, weight: 1 });
  const wanted = { ...ANY, signedOnly: true };
  const all = [plain, signed];
  expect(chooseMirror(all, wanted, someone(all))).toBe(signed);
  expect(lastResort(all, wanted, someone(all))).toBe(signed);
  expect(lastResort([plain], wanted, someone([plain]))).toBeUndefined();
});
