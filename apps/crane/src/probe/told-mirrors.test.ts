import { digestOf } from '@gantry/oci';
import { type MirrorState, readMirrors, unprobed } from '../choose/mirror.ts';
import { reportOf } from './mirror-report.ts';
import { createToldMirrors } from './told-mirrors.ts';

const OPTIONS = ['a', 'b'].map((name) => ({ name, url: `https://${name}.example/tree` }));
const mirrors = readMirrors(OPTIONS);
const [a, b] = mirrors as [(typeof mirrors)[number], (typeof mirrors)[number]];
const state: MirrorState = {
  mirror: a,
  healthy: true,
  serial: 7,
  kinds: new Set(['oci-index']),
  onTrial: true,
};
const overThePipe = <T>(value: T) => JSON.parse(JSON.stringify(value)) as T;

test('a state comes over as it was, and a mirror that nothing was told of was not probed', () => {
  const told = createToldMirrors(mirrors, [overThePipe(reportOf(state))], () => {});
  expect(told.states).toEqual([state, unprobed(b)]);
});

test('what is told of one mirror leaves the others as they were, and makes a new array', () => {
  const told = createToldMirrors(mirrors, [reportOf(state)], () => {});
  const before = told.states;
  told.take([overThePipe(reportOf({ ...state, mirror: b, serial: 8 }))]);
  expect(told.states).not.toBe(before);
  expect(told.states.map(({ serial }) => serial)).toEqual([7, 8]);
});

test('what was told of a mirror is kept over a new configuration, but not for another place or part', () => {
  const told = createToldMirrors(mirrors, [reportOf(state)], () => {});
  told.setMirrors(readMirrors([{ ...OPTIONS[0], name: 'a', url: a.base, weight: 5 }]));
  expect(told.states).toMatchObject([{ serial: 7, mirror: { weight: 5 } }]);
  told.setMirrors(readMirrors([{ name: 'a', url: 'https://elsewhere.example/' }]));
  expect(told.states).toMatchObject([{ serial: 0, healthy: false }]);
  told.setMirrors(readMirrors([{ name: 'a', url: a.base, repositories: ['team/**'] }]));
  expect(told.states).toMatchObject([{ serial: 0, healthy: false }]);
  const [part] = readMirrors([{ name: 'a', url: a.base, repositories: ['team/**'] }]);
  if (part === undefined) throw new Error('no mirror');
  told.take([overThePipe(reportOf({ ...state, mirror: part }))]);
  expect(told.states).toMatchObject([{ serial: 7, healthy: true }]);
});

test('a mirror that many come back from is told of once', () => {
  const suspected: string[] = [];
  const told = createToldMirrors(mirrors, [], (name) => void suspected.push(name));
  const wanted = { digest: digestOf('x'), path: 'pool/x', size: 1, since: 1 };
  for (let time = 0; time < 3; time++) for (const mirror of mirrors) told.suspect(mirror, wanted);
  expect(suspected).toEqual(['a', 'b']);
});
