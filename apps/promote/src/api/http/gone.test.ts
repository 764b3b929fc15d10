import { connect } from 'node:net';
import { once } from 'node:events';
import type { Identity } from '@gantry/service';
import { until } from '../until.fixture.ts';
import { openApi } from '../api.fixture.ts';

const READER: Identity = { name: 'reader', scopes: ['read'], groups: [] };

describe('who has gone before their name was looked up', () => {
  test('takes no place among the readers of events', async () => {
    const asked: PromiseWithResolvers<Identity>[] = [];
    const identify = () => {
      const one = Promise.withResolvers<Identity>();
      asked.push(one);
      return one.promise;
    };
    await using api = await openApi({ authenticator: { identify }, liveReadersMax: 1 });
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.write('GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n');
    await until('the request to come', () => asked.length === 1);
    socket.destroy();
    await once(socket, 'close');
    await until('the API to see it', () => api.lines.some(({ aborted }) => aborted === true));
    asked[0]?.resolve(READER);

    const stream = fetch(`${api.url}/api/v1/events`, { headers: { Authorization: 'Bearer x' } });
    await until('the next request', () => asked.length === 2);
    asked[1]?.resolve(READER);
    const response = await stream;
    expect(response.status).toBe(200);
    await response.body?.cancel();
  });
});
