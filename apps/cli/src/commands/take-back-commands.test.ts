import { Fault, toProblem } from '@gantry/oci';
import { DIGEST, promotion, startApiServer, task } from '../api-server.fixture.ts';
import { gantry } from '../cli.fixture.ts';
import type { Environment } from '../cli.ts';

describe('gantry retract and purge', () => {
  test('retract takes a tag, or a repository, out of a channel', async () => {
    await using server = await startApiServer({
      'DELETE /api/v1/channels/stable/tags': () => ({
        status: 202,
        body: promotion({ state: 'publishing', serial: null }),
      }),
      'GET /api/v1/promotions/p1/events': () => ({ events: [promotion()] }),
    });
    const retract = (...words: string[]) =>
      gantry(['retract', 'stable', ...words, '--reason', 'broken', '--server', server.url]);
    expect(await retract('a/b:1.0', '--wait')).toMatchObject({
      code: 0,
      out: expect.stringContaining('promotion p1 to stable: done, serial 42\n'),
    });
    expect(await retract('a/b')).toMatchObject({ code: 0 });
    expect(server.requests.flatMap(({ method, query }) => (method === 'DELETE' ? [query] : []))).toEqual([
      { repository: 'a/b', tag: '1.0', reason: 'broken' },
      { repository: 'a/b', reason: 'broken' },
    ]);
    expect(await retract(`a/b@${DIGEST}`)).toMatchObject({
      code: 2,
      err: expect.stringContaining('"gantry purge DIGEST" takes out a digest'),
    });
  });

  test('purge asks on a terminal, and does nothing unless the answer is yes', async () => {
    const found = { tagsTakenOut: 1, tagsChanged: 0, candidates: 2, bytes: 52_428_800 };
    const result = { ...found, objects: ['pool/blobs/sha256/aa/aa'], serial: 43 };
    const purged = task({ kind: 'purge', parameters: { digest: DIGEST }, result });
    await using server = await startApiServer({
      'POST /api/v1/purges': () => ({ status: 202, body: purged }),
    });
    const questions: string[] = [];
    const purge = (answer: string, ...more: string[]) => {
      const ask: Environment['ask'] = async (question) => {
        questions.push(question);
        return answer;
      };
      return gantry(['purge', DIGEST, '--reason', 'a key', ...more, '--server', server.url], { ask });
    };
    expect(await purge('no')).toEqual({ code: 2, out: '', err: 'gantry: nothing was purged\n' });
    expect(server.requests).toEqual([]);
    expect(await purge('yes\n', '--wait')).toMatchObject({
      code: 0,
      out: `purge ${DIGEST}: done, 1 tag taken out, 2 candidates, 52.4 MB, serial 43, task t1\n`,
    });
    expect(await purge('', '--yes')).toMatchObject({ code: 0 });
    expect(questions).toHaveLength(2);
    expect(questions[0]).toContain(`${DIGEST} goes from everywhere at once`);
    expect(server.requests.map(({ body }) => body)).toEqual([
      { digest: DIGEST, reason: 'a key' },
      { digest: DIGEST, reason: 'a key' },
    ]);
  });

  test('purge tells what holds it up, as it is tried until it is done', async () => {
    const running = task({ kind: 'purge', parameters: { digest: DIGEST }, state: 'running' });
    const problem = toProblem(new Fault('UNAVAILABLE', 'the bucket does not answer'));
    await using server = await startApiServer({
      'POST /api/v1/purges': () => ({ status: 202, body: running }),
      'GET /api/v1/tasks/t1/events': () => ({
        events: [
          { ...running, errors: [{ item: DIGEST, problem }] },
          { ...running, state: 'done' },
        ],
      }),
    });
    const words = ['purge', DIGEST, '--reason', 'a key', '--yes', '--wait', '--server', server.url];
    const { code, err } = await gantry(words);
    expect({ code, lines: err.split('\n') }).toEqual({
      code: 0,
      lines: [`purge ${DIGEST}: running`, '  the bucket does not answer', `purge ${DIGEST}: done`, ''],
    });
  });
});
