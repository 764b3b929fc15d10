import type { IncomingMessage } from 'node:http';
import { temporaryFolder, testLog } from '../crane.fixture.ts';
import { ANYBODY } from '../private/reader.ts';
import { parseRoute } from '../answer/route.ts';
import { FILES, writeFiles } from './redirect-json.fixture.ts';
import { createRedirectJson } from './redirect-json.ts';

async function open(folder: string) {
  const options = { directories: [folder], compat: false, cdn: {}, status: 302 } as const;
  const redirectJson = createRedirectJson(options, { logger: testLog(), failures: { value: 0 } });
  const ask = (url: string) => {
    const request = { url, headers: {} } as IncomingMessage;
    return redirectJson.answer(request, parseRoute(url), ANYBODY);
  };
  return { redirectJson, ask };
}

test('until the files are read, who asks is told to come again', async () => {
  await using folder = await temporaryFolder();
  await writeFiles(folder.path, FILES);
  const { redirectJson, ask } = await open(folder.path);
  using _ = redirectJson;
  for (const target of ['/v2/redhat/zoo/tags/list', '/v1/_ping'])
    expect(ask(target)).toMatchObject({ status: 503 });
  expect(() => redirectJson.readableNames(ANYBODY)).toThrow('the redirect files are not read yet');
  await redirectJson.look();
  expect(redirectJson.readableNames(ANYBODY).length).toBeGreaterThan(0);
  expect(ask('/v2/redhat/zoo/tags/list')).toMatchObject({ status: 302 });
  expect(ask('/v1/_ping')).toMatchObject({ status: 200 });
});

test('a query with what no URL has goes nowhere', async () => {
  await using folder = await temporaryFolder();
  await writeFiles(folder.path, FILES);
  const { redirectJson, ask } = await open(folder.path);
  using _ = redirectJson;
  await redirectJson.look();
  expect(ask('/v2/redhat/zoo/tags/list?n=\u00e9')).toMatchObject({
    headers: expect.arrayContaining(['http://cdn.example/zoo/bar/tags/list']) as unknown,
  });
});
