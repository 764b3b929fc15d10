import { createInProcessRegistry, makeImage, makeLayer } from '@gantry/registry';
import { ADMIN_TOKEN, embeddedConfiguration, startGantry } from '../servers/gantry.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

const SOURCE = 'builds';
const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });

interface Heard {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The CloudEvents of a stream, one by one. */
async function* eventsIn(body: AsyncIterable<Uint8Array>): AsyncGenerator<Heard> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, data] = /^data: (.*)$/m.exec(block) ?? [];
      if (data !== undefined) yield JSON.parse(data) as Heard;
    }
  }
}

test('whoever follows a service hears of each thing once, as it happens, until the service stops', async () => {
  await using folder = await temporaryFolder('events');
  const upstream = createInProcessRegistry();
  await using listening = await upstream.listen();
  for (const tag of ['1', '2']) upstream.push('app', image(tag), tag);
  const configuration = await embeddedConfiguration({
    sources: [{ name: SOURCE, registry: listening.url, repositories: ['**'] }],
  });
  await using gantry = await startGantry({ folder: folder.path, configuration });
  const { api } = gantry;
  const response = await fetch(`${api.url}/api/v1/events`, {
    headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  expect(response.status).toBe(200);
  const stream = eventsIn(response.body as AsyncIterable<Uint8Array>);
  const hear = async (count: number) => {
    const heard: Heard[] = [];
    while (heard.length < count) heard.push((await stream.next()).value as Heard);
    return heard;
  };

  const synced = await api.sync(SOURCE);
  const [first, second, end] = (await hear(3)) as [Heard, Heard, Heard];
  expect([first, second].map(({ type, data }) => `${type} ${String(data['tag'])}`).toSorted()).toEqual([
    'candidate.synced 1',
    'candidate.synced 2',
  ]);
  expect(end).toMatchObject({ id: `task/${synced.id}/done`, type: 'sync.done', data: { state: 'done' } });

  await api.sync(SOURCE); // finds nothing new
  const promoted = await api.promote('stable', [{ repository: 'app', reference: '1' }]);
  expect((await hear(5)).map(({ type }) => type)).toEqual([
    'sync.done',
    'promotion.accepted',
    'promotion.publishing',
    'publication.done',
    'promotion.done',
  ]);
  expect(promoted).toMatchObject({ state: 'done', serial: 1 });

  const rest = Array.fromAsync(stream);
  expect((await gantry.stop()).code).toBe(0);
  expect(await rest).toEqual([]);
}, 60_000);
