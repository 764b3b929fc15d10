import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MirrorReply } from '@gantry/tree';
import { findAbsent } from './probe-steps.ts';

const REPLY: MirrorReply = {
  status: 200,
  redirects: 0,
  origin: 'https://mirror.example',
  contentType: '',
  contentEncoding: '',
};

test('a mirror that does not answer for an object is asked for no more of them, and has ended when that is told', async () => {
  const objects = Array.from({ length: 100 }, (_, at) => ({ path: `pool/${at}`, size: 1, sha256: '' }));
  const asked: string[] = [];
  const answers: PromiseWithResolvers<MirrorReply>[] = [];
  const head = (path: string) => {
    asked.push(path);
    const answer = Promise.withResolvers<MirrorReply>();
    answers.push(answer);
    return answer.promise;
  };
  let outcome: unknown;
  const over = findAbsent({ head }, objects).catch((error: unknown) => (outcome = error));
  while (answers.length < 8) await nextTurn();
  answers[3]?.reject(new Error('no answer'));
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect([outcome, asked.length]).toEqual([undefined, 8]);
  for (const { resolve } of answers) resolve(REPLY);
  await over;
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect([outcome, asked.length]).toEqual([new Error('no answer'), 8]);
});
