import { Fault } from '@gantry/oci';
import type { Identity } from '@gantry/service';
import { until } from '../until.fixture.ts';
import { openApi } from '../api.fixture.ts';

const READER: Identity = { name: 'reader', scopes: ['read'], groups: [] };
const AUTHORIZATION = { Authorization: 'Bearer x' };

describe('a stream of events', () => {
  test.each([
    ['revoked', undefined],
    ['cut down to other scopes', { ...READER, scopes: ['sync'] } satisfies Identity],
  ])('ends when its token was %s', async (_how, afterwards) => {
    let known: Identity | undefined = READER;
    await using api = await openApi({ authenticator: { identify: async () => known }, heartbeatMs: 10 });
    const response = await fetch(`${api.url}/api/v1/events`, { headers: AUTHORIZATION });
    expect(response.status).toBe(200);
    known = afterwards;
    expect(await response.text()).toMatch(/^retry: /); // which comes to its end
  });

  test('goes on while nobody can tell who it is for', async () => {
    let asked = 0;
    const identify = async () => {
      if (asked++ > 0) throw new Fault('UNAVAILABLE', 'the directory does not answer');
      return READER;
    };
    await using api = await openApi({ authenticator: { identify }, heartbeatMs: 10 });
    const ending = new AbortController();
    const response = await fetch(`${api.url}/api/v1/events`, {
      headers: AUTHORIZATION,
      signal: ending.signal,
    });
    await until('it to be looked at again', () => asked > 3);
    expect(api.lines.filter(({ path }) => path === '/api/v1/events')).toEqual([]); // not logged: not at its end
    expect(response.status).toBe(200);
    ending.abort();
  });
});
