import { type Digest, digestOf } from '@gantry/oci';
import { chooseMirror, lastResort, qualifies, type Wanted } from './choose-mirror.ts';
import { type MirrorOptions, type MirrorState, readMirrors } from './mirror.ts';

const DIGEST = digestOf('content');

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
  expect(qualifies(stateOf({}, state), { digest: DIGEST, since: 1, ...wanted })).toBe(good);
});

test('a trusted mirror qualifies where trust is asked for', () => {
  expect(qualifies(stateOf({ trusted: true }), { digest: DIGEST, since: 1, trustedOnly: true })).toBe(true);
});

function choose(among: readonly MirrorState[], digest: Digest): string | undefined {
  return chooseMirror(among, { digest, since: 1 })?.mirror.name;
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
  expect(chooseMirror([], { digest: DIGEST, since: 1 })).toBeUndefined();
  expect(chooseMirror([stateOf({}, { serial: 0 })], { digest: DIGEST, since: 1 })).toBeUndefined();
});

test('the last resort is a trusted mirror, rather one that answers', () => {
  const down = stateOf({ name: 'down', trusted: true, weight: 1_000_000 }, { healthy: false });
  const late = stateOf({ name: 'late', trusted: true, weight: 1 }, { serial: 1 });
  const stranger = stateOf({ name: 'stranger' });
  expect(lastResort([stranger, down, late], DIGEST)).toBe(late);
  expect(lastResort([stranger, down], DIGEST)).toBe(down);
  expect(lastResort([stranger], DIGEST)).toBeUndefined();
});
