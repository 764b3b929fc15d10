import type { RequestListener } from 'node:http';
import path from 'node:path';
import { writeFile } from 'node:fs/promises';
import type { SearchConfiguration } from '@gantry/service';
import { layTree } from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  startServer,
  startTestCrane,
  temporaryFolder,
  testLog,
} from '../crane.fixture.ts';
import type { CraneOptions } from '../options.ts';
import { FILES, writeFiles } from '../redirect-json/redirect-json.fixture.ts';

/** Search servers of others, as small servers that answer with documents of their shapes. */

const opened = new AsyncDisposableStack();
let folder: string;
/** Redirect files alone, without a tree. */
let files: Pick<CraneOptions, 'redirectJson'>;

beforeAll(async () => {
  folder = opened.use(await temporaryFolder()).path;
  const directory = path.join(folder, 'metadata');
  await writeFiles(directory, FILES);
  files = { redirectJson: { directories: [directory], cdn: {} } };
});
afterAll(() => opened.disposeAsync());

async function serve(listener: RequestListener): Promise<string> {
  return opened.use(await startServer(listener)).url;
}

/** A server that gives everybody the same, and what it was asked. */
async function startAnswering(body: string) {
  const asked: (string | undefined)[] = [];
  const url = await serve((request, response) => {
    asked.push(request.url);
    response.end(body);
  });
  return { url, asked };
}

const solr = (url: string, timeoutMs = 10_000): SearchConfiguration => ({
  solr: { url: `${url}/select?q={0}&wt=json`, timeoutMs },
});
const gsa = (url: string): SearchConfiguration => ({
  gsa: { url: `${url}/search?site=images`, timeoutMs: 10_000 },
});

async function search(options: Partial<CraneOptions>, headers: Record<string, string> = {}, q = 'foo') {
  const logger = testLog();
  await using crane = await startTestCrane({ ...options, logger });
  const answer = await ask(crane, `/v1/search?${String(new URLSearchParams({ q }))}`, { headers });
  return { status: answer.status, text: await answer.text(), lines: logger.lines };
}

interface Told {
  readonly results: readonly Readonly<Record<string, unknown>>[];
}
const results = ({ text }: { readonly text: string }) => (JSON.parse(text) as Told).results;
const names = (answer: { readonly text: string }) => results(answer).map(({ name }) => name);

const image = (allTitle: string, more: object = {}) => ({
  documentKind: 'ImageRepository',
  allTitle,
  ...more,
});

test('what is looked for stands at each place of Solr’s address', async () => {
  const { url, asked } = await startAnswering('{"response":{"docs":[]}}');
  const everywhere = { url: `${url}/select?q=title:{0}%20OR%20text:{0}`, timeoutMs: 10_000 };
  await search({ ...files, search: { solr: everywhere } }, {}, 'a b');
  expect(asked).toEqual(['/select?q=title:a%20b%20OR%20text:a%20b']);
});

test('of Solr what is served here is told, and what others sell', async () => {
  const docs = [
    image('redhat/foo', {
      ir_description: 'One\n line',
      publishedAbstract: 'not this',
      ir_automated: true,
      ir_stars: 7,
    }),
    image('redhat/foo3', { publishedAbstract: 'Abstract', ir_official: true, ir_stars: 4.5 }),
    image('bar', { ir_description: ['of another type'] }),
    image('redhat/unknown'),
    image('protected'),
    {
      documentKind: 'CertifiedSoftware',
      allTitle: 'Sold',
      c_pull_command: ['docker pull registry.example.org/sold/a', 'docker pull registry.example.org/sold/b'],
    },
    { documentKind: 'CertifiedSoftware', allTitle: 'without a command' },
    { documentKind: 'Solution', allTitle: 'How to', publishedAbstract: 'An article' },
    {},
  ];
  const { url, asked } = await startAnswering(JSON.stringify({ response: { numFound: 9, docs } }));
  const answer = await search({ ...files, search: solr(url) }, {}, 'a b&c=$&');
  expect(asked).toEqual(['/select?q=a%20b%26c%3D%24%26&wt=json']);
  const plain = { star_count: 0, is_official: false, is_automated: false, is_trusted: false };
  expect(results(answer)).toEqual([
    {
      ...plain,
      name: 'redhat/foo',
      description: 'One line',
      star_count: 7,
      is_automated: true,
      is_trusted: true,
    },
    { ...plain, name: 'redhat/foo3', description: 'Abstract', is_official: true },
    { ...plain, name: 'bar', description: '' },
    { ...plain, name: 'registry.example.org/sold/a', description: '' },
    { ...plain, name: 'registry.example.org/sold/b', description: '' },
    { ...plain, name: 'How to', description: 'An article' },
  ]);
});

const meta = (name: string, value: string) => `<MT N="${name}" V="${value}"/>`;
const GSA_RESULTS = `<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<GSP VER="3.2"><TM>0.08</TM><Q>foo</Q><PARAM name="q" value="foo"/><RES SN="1" EN="5"><M>5</M>
<R N="1"><U>https://images.example.org/foo</U>${meta('portal_name', 'redhat/foo')}${meta('portal_short_description', 'Foo &amp; more')}<S>a <![CDATA[<b>]]> piece</S></R>
<R N="2">${meta('portal_short_description', 'without a name')}<MT N="portal_name"/>${meta('other', 'redhat/zoo')}</R>
<R N="3">${meta('portal_name', 'redhat/unknown')}</R>
<R N="4">${meta('portal_name', 'protected')}</R>
<R N="5">${meta('portal_name', 'redhat/foo3')}</R>
</RES>${meta('portal_name', 'bar')}</GSP>`;

test('of a Google Search Appliance what is served here is told', async () => {
  const { url, asked } = await startAnswering(GSA_RESULTS);
  const answer = await search({ ...files, search: gsa(url) }, {}, 'foo & bar');
  expect(asked).toEqual(['/search?site=images&q=foo+%26+bar']);
  expect(results(answer).map(({ name, description }) => [name, description])).toEqual([
    ['redhat/foo', 'Foo & more'],
    ['redhat/foo3', ''],
  ]);
});

test('the names of a tree and of redirect files are told to those who may read them', async () => {
  const tree = path.join(folder, 'tree');
  await layTree(tree, {
    repositories: ['corp/app', 'open'].map((name) => repositoryOf(name, { latest: sampleImage() })),
  });
  // As `htpasswd -B -C 4` writes it.
  const htpasswdFile = path.join(folder, 'htpasswd');
  await writeFile(htpasswdFile, 'alice:$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi\n');
  const docs = ['corp/app', 'open', 'redhat/foo', 'protected', 'gone'].map((name) => image(name));
  const { url } = await startAnswering(JSON.stringify({ response: { docs } }));
  const options: Partial<CraneOptions> = {
    ...files,
    tree,
    search: solr(url),
    private: {
      repositories: ['corp/**', 'protected'],
      readers: [{ users: ['alice'], groups: [], repositories: ['corp/**', 'protected'] }],
      challenge: [],
      htpasswdFile,
    },
  };
  expect(names(await search(options))).toEqual(['open', 'redhat/foo']);
  const alice = { Authorization: `Basic ${Buffer.from('alice:right').toString('base64')}` };
  expect(names(await search(options, alice))).toEqual(['corp/app', 'open', 'redhat/foo', 'protected']);
});

const HUGE = JSON.stringify({ response: { docs: [], more: 'x'.repeat(5 * 1024 * 1024) } });

test.each<[string, RequestListener, number, RegExp]>([
  ['refuses', (_, response) => response.writeHead(500).end('secret'), 502, /answers 500/],
  ['gives no JSON', (_, response) => response.end('<p>welcome</p>'), 502, /something else than results/],
  ['gives other JSON', (_, response) => response.end('{"response":[]}'), 502, /no list response\.docs/],
  ['gives more than is read', (_, response) => response.end(HUGE), 502, /more than 4194304 bytes/],
  ['says nothing', () => undefined, 504, /no whole answer after 300 ms/],
  ['does not end', (_, response) => void response.write('{"response":'), 504, /no whole answer/],
  ['hangs up', ({ socket }) => socket.destroy(), 503, /can not be reached/],
])('of a server that %s the log tells, and who searches that there is no answer', async (...of) => {
  const [, listener, status, told] = of;
  const timeoutMs = status === 504 ? 300 : undefined;
  const { lines, ...answer } = await search({ ...files, search: solr(await serve(listener), timeoutMs) });
  expect(answer).toEqual({ status, text: 'the search server can not be asked just now' });
  expect(lines.filter(({ level }) => level === 'error')).toEqual([
    { level: 'error', message: expect.stringMatching(told) },
  ]);
});

test('with `compat` a search that fails is text, as without it, and not JSON under the name of HTML', async () => {
  const { url } = await startAnswering('no JSON');
  await using crane = await startTestCrane({ ...files, compat: true, search: solr(url) });
  const answered = async (target: string) => {
    const answer = await ask(crane, target);
    return [answer.status, answer.headers.get('Content-Type'), await answer.text()];
  };
  const type = 'text/html; charset=utf-8';
  expect(await answered('/v1/search?q=')).toEqual([400, type, 'parameter "q" is required']);
  expect(await answered('/v1/search?q=a')).toEqual([
    502,
    type,
    'the search server can not be asked just now',
  ]);
  expect(await answered('/v2/none/tags/list')).toEqual([
    404,
    'application/json',
    '{"errors":[{"code":"404","message":"Not Found"}]}',
  ]);
});

test('a Google Search Appliance that gives no XML is told of, too', async () => {
  const { url } = await startAnswering('{"response":{"docs":[]}}');
  const { status, lines } = await search({ ...files, search: gsa(url) });
  expect([status, lines.at(-1)?.message]).toEqual([502, expect.stringMatching(/no whole XML document/)]);
});

test('so many wait for a server at a time', async () => {
  const waiting: (() => void)[] = [];
  const { promise: full, resolve } = Promise.withResolvers<void>();
  const url = await serve((_, response) => {
    waiting.push(() => response.end('{"response":{"docs":[]}}'));
    if (waiting.length === 50) resolve();
  });
  await using crane = await startTestCrane({ ...files, search: solr(url, 60_000) });
  const answers = Array.from({ length: 50 }, () => ask(crane, '/v1/search?q=a'));
  await full;
  const { status, headers } = await ask(crane, '/v1/search?q=a');
  expect([status, headers.get('Retry-After')]).toEqual([503, expect.any(String)]);
  for (const answer of waiting) answer();
  expect((await Promise.all(answers)).every(({ ok }) => ok)).toBe(true);
});
