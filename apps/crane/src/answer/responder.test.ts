import { startServer, testLog } from '../crane.fixture.ts';
import type { Delivery } from './deliver.ts';
import { rareErrors } from '../rare-errors.ts';
import { createResponder, type ResponderOptions } from './responder.ts';

/** Sends what is at hand. */
const deliver: Delivery = (_request, response, { status, headers, body }) => {
  response.writeHead(status, headers as string[]).end(body.from === 'memory' ? body.bytes : body.from);
};

/** Breaks off in the middle. */
const halfway: Delivery = (_request, response) => {
  response.writeHead(200, ['Content-Length', '10']).write('half');
  throw new Error('a defect');
};

/** What a responder of these parts answers, and what it logs. */
async function answerOf(target: string, parts: Partial<ResponderOptions>) {
  const logger = testLog();
  const respond = createResponder({
    repositories: { lookup: () => ({ state: 'absent' }) },
    history: { lookup: () => Promise.resolve({ state: 'absent' }) },
    suitManifest: () => undefined,
    deliver,
    site: { mirrors: [], manifests: 'serve', status: 302, servesBlobs: true },
    clients: () => ({ pools: [], sentBefore: () => [], sendTo() {} }),
    tellError: rareErrors(logger, () => 0),
    ...parts,
  });
  await using server = await startServer(respond);
  const said = await fetch(server.url + target).then(
    async (response) => `${response.status} ${await response.text()}`,
    () => 'cut off',
  );
  return { said, errors: logger.lines.map(({ message }) => message) };
}

const TAGS = '/v2/app/tags/list';
const fails = () => {
  throw new Error('a defect');
};
const rejects = () => Promise.reject(new Error('a defect'));

describe('whatever defect there is, who asks is answered and the process lives on', () => {
  test.each<[string, string, Partial<ResponderOptions>]>([
    ['a look-up that throws', TAGS, { repositories: { lookup: fails } }],
    ['a look-up that is rejected', TAGS, { repositories: { lookup: rejects } }],
    ['a page that is rejected', '/', { page: { answer: rejects } }],
    ['a catalogue that is rejected', '/v2/_catalog', { catalog: { answer: rejects } }],
    [
      'a search for what suits a client that is rejected',
      '/v2/app/manifests/a',
      { repositories: { lookup: () => ({ state: 'absent' }) }, suitManifest: rejects },
    ],
    ['a guard that throws', TAGS, { guard: { reader: fails, isPrivate: () => false } }],
    ['a guard that is rejected', TAGS, { guard: { reader: rejects, isPrivate: () => false } }],
  ])('%s', async (_, target, parts) => {
    const { said, errors } = await answerOf(target, parts);
    expect(said).toBe(
      '503 {"errors":[{"code":"UNAVAILABLE","message":"this can not be answered just now"}]}',
    );
    expect(errors).toEqual(['a request could not be answered: a defect']);
  });

  test('an answer that has begun is cut off: nobody takes it for a whole one', async () => {
    expect((await answerOf(TAGS, { deliver: halfway })).said).toBe('cut off');
  });
});
