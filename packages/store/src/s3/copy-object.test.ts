import { setImmediate as nextTurn } from 'node:timers/promises';
import { copyObject } from './copy-object.ts';
import type { S3Session } from './session.ts';

/** A server of which each answer is the test's to give, and what it was asked, in order. */
function heldServer() {
  const asked: string[] = [];
  const answers = new Map<string, PromiseWithResolvers<unknown>>();
  const session = {
    at: (path: string) => ({ Bucket: 'b', Key: path }),
    call: (doing: string) => {
      const answer = Promise.withResolvers<unknown>();
      asked.push(doing);
      answers.set(doing, answer);
      if (!doing.startsWith('copy part')) answer.resolve({ UploadId: 'one' });
      return answer.promise;
    },
  } as unknown as S3Session;
  return { asked, answers, session };
}

const MIB = 1024 * 1024;
const part = (number: number) => `copy part ${number} of "to"`;

test('a copy in parts of which one fails is given up once the others that were begun have ended', async () => {
  const { asked, answers, session } = heldServer();
  const source = { bucket: 'b', key: 'from', sizeBytes: 100 * MIB };
  const copying = copyObject(session, source, 'to', {}, MIB).catch((error: unknown) => error);
  while (answers.size < 5) await nextTurn();
  const begun = ['start to write "to"', part(1), part(2), part(3), part(4)];
  answers.get(part(2))?.reject(new Error('refused'));
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect(asked).toEqual(begun);
  for (const number of [1, 3, 4]) answers.get(part(number))?.resolve({});
  expect(await copying).toEqual(new Error('refused'));
  expect(asked).toEqual([...begun, 'abort the upload of "to"']);
});
