import type { IncomingMessage } from 'node:http';
import { temporaryFolder, testLog } from '../crane.fixture.ts';
import type { Reader } from '../private/reader.ts';
import { parseRoute } from '../answer/route.ts';
import { FILES, writeFiles } from './redirect-json.fixture.ts';
import { createRedirectJson, type RedirectJson } from './redirect-json.ts';

/** A repository that is hidden takes the same checks as one that is not there, so that no time tells them apart. */

const opened = new AsyncDisposableStack();
let cranes: readonly RedirectJson[];
beforeAll(async () => {
  const folder = opened.use(await temporaryFolder()).path;
  await writeFiles(folder, FILES);
  const open = (compat: boolean) =>
    opened.use(
      createRedirectJson(
        { directories: [folder], compat, cdn: {}, status: 302 },
        { logger: testLog(), failures: { value: 0 } },
      ),
    );
  cranes = [open(false), open(true)];
  for (const crane of cranes) await crane.look();
});
afterAll(() => opened.disposeAsync());

/** Somebody who may read what `isOpen` says by its name, and nothing that is protected; and the checks that were made. */
function outsider(isOpen: (name: string) => boolean) {
  const checks: string[] = [];
  const reader: Reader = {
    mayRead(name) {
      checks.push('name');
      return isOpen(name);
    },
    mayReadContent(_, contentPath) {
      checks.push('content');
      return contentPath === '';
    },
  };
  return { reader, checks };
}

const WAYS = [
  (name: string) => `/v2/${name}/tags/list`,
  (name: string) => `/v2/${name}/manifests/latest`,
  (name: string) => `/v2/${name}/blobs/sha256:${'0'.repeat(64)}`,
  (name: string) => `/v1/repositories/${name}/images`,
  (name: string) => `/v1/repositories/${name}/tags`,
  (name: string) => `/v1/repositories/${name}/tags/latest`,
  (name: string) => `/v1/images/${name}123/json`,
];

/** `protected` and `baz` are so by their files, of today's API and of the one before; their neighbours are not there. */
test.each([
  ['protected', 'protectee'],
  ['baz', 'bay'],
])('of %s and %s, which is unknown, the same is checked and answered', async (hidden, unknown) => {
  for (const crane of cranes) {
    for (const way of WAYS) {
      for (const isOpen of [() => true, () => false, (name: string) => name === unknown]) {
        const asked = async (name: string) => {
          const { reader, checks } = outsider(isOpen);
          const url = way(name);
          const answer = await crane.answer({ url, headers: {} } as IncomingMessage, parseRoute(url), reader);
          return { answer, checks, has: crane.has(name, reader) };
        };
        const of = await asked(hidden);
        expect([way(hidden), of.has, of.checks.toSorted()]).toEqual([
          way(hidden),
          false,
          ['content', 'content', 'content', 'name', 'name', 'name'],
        ]);
        expect(of).toEqual(await asked(unknown));
      }
    }
  }
});
