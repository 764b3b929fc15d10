import { MANIFEST_KINDS, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { acceptedKinds } from './accept.ts';

const INDEX = MANIFEST_MEDIA_TYPES['oci-index'];
const MANIFEST = MANIFEST_MEDIA_TYPES['oci-manifest'];
const LIST = MANIFEST_MEDIA_TYPES['docker-list'];

test.each([
  ['what is listed', `${INDEX}, ${MANIFEST}`, ['oci-index', 'oci-manifest']],
  ['any order, and any liking', `${MANIFEST};q=1.0, ${INDEX};q=0.1`, ['oci-index', 'oci-manifest']],
  ['everything', '*/*', MANIFEST_KINDS],
  ['everything of one sort', 'text/html, application/*;q=0.5', MANIFEST_KINDS],
  ['capitals, blanks and parameters', ` ${LIST.toUpperCase()} ; charset=utf-8 ;Q=0.7 `, ['docker-list']],
  ['not what has q=0', `${INDEX};q=0, ${MANIFEST}`, ['oci-manifest']],
  ['not what has q=0.000', `${LIST};q=0.000`, []],
  [
    'all but what has q=0, which is closer than a wildcard',
    `*/*, ${INDEX};q=0`,
    MANIFEST_KINDS.filter((kind) => kind !== 'oci-index'),
  ],
  ['what is closer than a wildcard of q=0', `application/*;q=0, ${INDEX}`, ['oci-index']],
  ['nothing of another sort', 'application/json, text/*', []],
  ['what is liked little', `${INDEX};q=0.001`, ['oci-index']],
  ['what stands twice, once with q=0', `${INDEX};q=0, ${INDEX}`, ['oci-index']],
  ['nothing of what is no list', ',;,=;q=,/', []],
])('Accept takes %s', (_, accept, kinds) => {
  expect([...acceptedKinds(accept)].toSorted()).toEqual([...kinds].toSorted());
  expect(acceptedKinds(accept)).toBe(acceptedKinds(accept));
});

const long = (others: number) => `${'a/b;q=0,'.repeat(others)}${INDEX}`;

test('of a very long one the first hundred are read', () => {
  expect(acceptedKinds(long(99))).toEqual(new Set(['oci-index']));
  expect(acceptedKinds(long(2000))).toEqual(new Set());
});
