import * as fc from 'fast-check';
import type { Crane } from '../crane.ts';
import { startTestCrane, temporaryFolder } from '../crane.fixture.ts';
import {
  A_LIST,
  A_SCHEMA2,
  AMD64,
  askPlain,
  LIST,
  SCHEMA_2,
  UNKNOWN,
  writeFiles,
} from './redirect-json.fixture.ts';

/** Any path and Accept, against the rules of Pulp's Crane as they are written down, and against what must never be. */

const URLS = ['http://cdn.example/zoo/bar/', 'http://cdn.example/words/', 'http://cdn.example/foo/'];
const ZOO = {
  version: 4,
  repository: 'zoo',
  'repo-registry-id': 'redhat/zoo',
  url: 'http://cdn.example/zoo/bar',
  schema2_data: [A_SCHEMA2, '1.25', 'both'],
  manifest_list_data: ['bar', 'both', 'latest', A_LIST],
  manifest_list_amd64_tags: { bar: [AMD64, 2], latest: [AMD64, 1] },
};
const WORDS = {
  version: 2,
  repository: 'words',
  'repo-registry-id': 'x/manifests/y',
  url: 'http://cdn.example/words/',
};
const IMAGES = {
  version: 1,
  repository: 'foo',
  'repo-registry-id': 'foo',
  url: 'http://cdn.example/foo',
  images: [{ id: 'abc' }],
  tags: { latest: 'abc' },
};

const opened = new AsyncDisposableStack();
let crane: Crane;
let compat: Crane;
beforeAll(async () => {
  const folder = opened.use(await temporaryFolder()).path;
  await writeFiles(folder, { 'zoo.json': ZOO, 'words.json': WORDS, 'images.json': IMAGES });
  const redirectJson = { directories: [folder], cdn: {} };
  crane = opened.use(await startTestCrane({ redirectJson }));
  compat = opened.use(await startTestCrane({ redirectJson, compat: true }));
});
afterAll(() => opened.disposeAsync());

/** The rules again, in the words of the original, by lists and one after the other; undefined: 404. */
function expected(path: string, accept: string): string | undefined {
  const parts = path.split('/');
  const split = parts.findLastIndex((part) => ['tags', 'manifests', 'blobs'].includes(part));
  const name = parts.slice(0, Math.max(split, 0)).join('/');
  const rest = parts.slice(split + 1);
  if (split < 0) return undefined;
  if (name === WORDS['repo-registry-id']) return WORDS.url + [parts[split], ...rest].join('/');
  if (name !== ZOO['repo-registry-id']) return undefined;
  const base = `${ZOO.url}/`;
  if (parts[split] !== 'manifests') return base + [parts[split], ...rest].join('/');
  if (rest.length !== 1) return undefined;
  const [id = ''] = rest;
  const accepts = accept.split(',').map((one) => one.split(';')[0]!.trim());
  if (accepts.includes(LIST) && ZOO.manifest_list_data.includes(id)) return `${base}manifests/list/${id}`;
  const amd64 = Object.entries(ZOO.manifest_list_amd64_tags).find(([tag]) => tag === id)?.[1];
  if (amd64 !== undefined) {
    const [digest, version] = amd64;
    if (accepts.includes(SCHEMA_2)) return `${base}manifests/${version}/${digest}`;
    return version === 1 ? `${base}manifests/1/${digest}` : `${base}manifests/1/${id}`;
  }
  if (accepts.includes(SCHEMA_2) && ZOO.schema2_data.includes(id)) return `${base}manifests/2/${id}`;
  return `${base}manifests/1/${id}`;
}

const part = fc.constantFrom(
  'redhat',
  'zoo',
  'x',
  'y',
  'manifests',
  'tags',
  'blobs',
  'list',
  'latest',
  'bar',
  'both',
  '1.25',
  'none',
  '',
  A_LIST,
  A_SCHEMA2,
  UNKNOWN,
  'constructor',
  '__proto__',
);
const path = fc.oneof(
  fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/')),
  fc.array(part, { maxLength: 2 }).map((parts) => ['redhat/zoo/manifests', ...parts].join('/')),
  fc.array(part, { maxLength: 2 }).map((parts) => ['x/manifests/y/manifests', ...parts].join('/')),
);
const accept = fc
  .array(
    fc.tuple(
      fc.constantFrom(LIST, SCHEMA_2, '*/*', 'application/*', `${LIST}junk`, 'application/json', ''),
      fc.constantFrom('', ' ', ';q=0.5', ' ; q=0'),
    ),
    { maxLength: 4 },
  )
  .map((ranges) => ranges.map((range) => range.join('')).join(', '));

test('every path is redirected as by the original', async () => {
  await fc.assert(
    fc.asyncProperty(path, accept, async (asked, types) => {
      const answer = await askPlain(compat, `/v2/${asked}`, { headers: { Accept: types } });
      const location = asked === '' ? undefined : expected(asked, types);
      const isBase = asked === '';
      expect({ asked, types, status: answer.status, location: answer.headers['location'] }).toEqual({
        asked,
        types,
        status: isBase ? 200 : location === undefined ? 404 : 302,
        location,
      });
    }),
    { numRuns: 600, seed: 20_260 },
  );
}, 60_000);

test('whatever is asked for: no failure, and no Location beyond what is configured', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '/v2',
      '/v1',
      '/crane',
      '/repositories',
      '/images',
      '/redhat/zoo',
      '/x/manifests/y',
      '/foo',
      '/abc',
    ),
    fc.constantFrom(
      '/manifests',
      '/blobs',
      '/tags',
      '/list',
      '/latest',
      '/json',
      '/..',
      '/.',
      '/%2e%2e',
      '//',
      '%2F..',
    ),
    fc.constantFrom(
      '%00',
      '%zz',
      '%ff',
      '?n=1',
      '?',
      '#',
      '@evil',
      '\\..',
      '\\',
      'http://evil',
      ':',
      ';',
      "'",
      '<b>',
      '%0d%0aX:y',
    ),
    fc.string({ maxLength: 6 }).map((text) => encodeURI(text.toWellFormed())),
  );
  const target = fc.array(piece, { minLength: 1, maxLength: 7 }).map((pieces) => {
    const joined = pieces.join('');
    return joined.startsWith('/') ? joined : `/${joined}`;
  });
  await fc.assert(
    fc.asyncProperty(target, fc.constantFrom('GET', 'HEAD', 'POST'), async (asked, method) => {
      for (const one of [crane, compat]) {
        const answer = await askPlain(one, asked.replaceAll(' ', '+'), { method });
        expect({ asked, method, isFine: answer.status < 500 }).toEqual({ asked, method, isFine: true });
        const { location } = answer.headers;
        if (typeof location !== 'string') continue;
        const [place = ''] = new URL(location).href.split(/[?#]/, 1);
        expect({ asked, location, isBelow: URLS.some((url) => place.startsWith(url)) }).toEqual({
          asked,
          location,
          isBelow: true,
        });
      }
    }),
    { numRuns: 600, seed: 20_261 },
  );
}, 60_000);
