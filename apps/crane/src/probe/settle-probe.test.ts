import { type MirrorState, readMirrors, unprobed } from '../choose/mirror.ts';
import { settleProbe } from './settle-probe.ts';

const [mirror] = readMirrors([{ name: 'one', url: 'https://one.example/tree' }]);
if (mirror === undefined) throw new Error('no mirror');
const WELL: MirrorState = { mirror, healthy: true, serial: 5, kinds: new Set(['oci-index']) };
const FAILED: MirrorState = { ...unprobed(mirror), serial: 5, problem: 'it does not answer' };

type Probe = 'passes' | 'fails' | 'certainly';

/** Goes through probes one after the other: whether each passes, fails, or fails beyond doubt. */
function after(...probes: readonly Probe[]): MirrorState {
  let state = unprobed(mirror as NonNullable<typeof mirror>);
  for (const [index, probe] of probes.entries()) {
    const found = probe === 'passes' ? WELL : FAILED;
    state = settleProbe(state, { state: found, isCertain: probe === 'certainly' }, index > 0);
  }
  return state;
}

test.each<[string, Probe[], Partial<MirrorState>]>([
  ['the first probe puts it to use', ['passes'], { healthy: true }],
  ['the first probe fails: it is out of use', ['fails'], { healthy: false }],
  [
    'one that fails once is in doubt, and stays in use',
    ['passes', 'fails'],
    { healthy: true, inDoubt: true, problem: 'it does not answer' },
  ],
  ['and passes: all is well again', ['passes', 'fails', 'passes'], { healthy: true }],
  ['and fails again: it is out', ['passes', 'fails', 'fails'], { healthy: false }],
  ['one that is ruled out is out at once', ['passes', 'certainly'], { healthy: false }],
  ['one that comes back is on trial', ['fails', 'passes'], { healthy: true, onTrial: true }],
  ['and passes again: it is in use', ['fails', 'passes', 'passes'], { healthy: true }],
  ['and fails: it is out at once', ['fails', 'passes', 'fails'], { healthy: false }],
])('%s', (_, probes, expected) => {
  const { mirror: __, kinds: ___, serial: ____, ...rest } = after(...probes);
  expect(rest).toEqual({ ...(expected.healthy === false && { problem: 'it does not answer' }), ...expected });
});

test('one in doubt is believed no further than it says itself', () => {
  const failed = { ...FAILED, serial: 3 };
  expect(settleProbe(WELL, { state: failed, isCertain: false }, true).serial).toBe(3);
});
