import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';
import { loadConfiguration } from './load.ts';
import { showConfiguration } from './show.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-search-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

test.each([
  ['{}', undefined],
  ['crane: { search: false }', undefined],
  ['crane: { search: true }', { tags: 2, labels: [] }],
  ['crane: { search: { tags: 5, labels: [org.example.team] } }', { tags: 5, labels: ['org.example.team'] }],
  [
    'crane: { search: { solr: { url: "https://solr.example.org/select?q={0}&wt=json" } } }',
    { solr: { url: 'https://solr.example.org/select?q={0}&wt=json', timeoutMs: 1000 } },
  ],
  [
    'crane: { search: { gsa: { url: "https://gsa.example.org/search?site=a", timeout: 3s } } }',
    { gsa: { url: 'https://gsa.example.org/search?site=a', timeoutMs: 3000 } },
  ],
])('%s is read, and shown so that it is read the same', async (text, search) => {
  const { configuration } = await load(cwd, text);
  expect(configuration.crane.search).toEqual(search);
  await writeFile(path.join(cwd, 'again.yaml'), showConfiguration(configuration));
  const again = await loadConfiguration({ env: {}, cwd, file: 'again.yaml' });
  expect(again.configuration.crane.search).toEqual(search);
});

const searchIn = async (text: string) =>
  (await load(cwd, '{}', { GANTRY_CRANE_SEARCH: text })).configuration.crane.search;

test('the environment sets it, as a word or as a map', async () => {
  expect(await searchIn('true')).toEqual({ tags: 2, labels: [] });
  expect(await searchIn('{ tags: 4 }')).toEqual({ tags: 4, labels: [] });
});

test.each([
  ['1', /crane\.search: 1 must be true, false or a map/],
  ['{ tag: 1 }', /crane\.search\.tag: unknown key; did you mean tags\?/],
  ['{ tags: 0 }', /crane\.search\.tags: 0 is below 1/],
  ['{ tags: many }', /crane\.search\.tags: "many" must be a number/],
  ['{ solr: {} }', /crane\.search\.solr\.url: .*is missing/],
  ['{ solr: { url: "https://solr.example.org/" } }', /crane\.search\.solr\.url: .* has no \{0\}/],
  ['{ solr: { url: "ftp://solr.example.org/{0}" } }', /crane\.search\.solr\.url: .* is not an address/],
  ['{ gsa: { url: "https://u:p@gsa.example.org/" } }', /crane\.search\.gsa\.url: .* holds credentials/],
  [
    '{ tags: 1, solr: { url: "https://solr.example.org/{0}" } }',
    /crane\.search: .*has solr and tags: leave one/,
  ],
  [
    '{ gsa: { url: "https://gsa.example.org/" }, solr: { url: "https://solr.example.org/{0}" } }',
    /crane\.search: .*has solr and gsa: leave one/,
  ],
  ['{ solr: { url: "https://solr.example.org/{0}", timeout: soon } }', /crane\.search\.solr\.timeout: /],
])('%s is refused', async (search, message) => {
  expect(await problemsOf(cwd, `crane: { search: ${search} }`)).toEqual([expect.stringMatching(message)]);
});
