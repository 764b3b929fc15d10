import { readEventStream } from './event-stream.ts';

const encoder = new TextEncoder();
const read = (chunks: readonly string[], maxLength = 1000) =>
  Array.fromAsync(
    readEventStream(
      (async function* () {
        for (const chunk of chunks) yield encoder.encode(chunk);
      })(),
      maxLength,
    ),
  );

describe('server-sent events', () => {
  const stream =
    'retry: 2000\n\nid: 1\ndata: {"a":"ä"}\n\n: \n\nid: 2\r\ndata:one\r\ndata: two\r\n\r\ndata: cut';

  test('are read whole, comments and ids left out, what is cut off too', async () => {
    expect(await read([stream])).toEqual(['{"a":"ä"}', 'one\ntwo']);
  });

  test('are the same wherever the bytes are cut', async () => {
    const bytes = encoder.encode(stream);
    for (let at = 1; at < bytes.length; at++) {
      const cut = readEventStream(
        (async function* () {
          yield bytes.subarray(0, at);
          yield bytes.subarray(at);
        })(),
        1000,
      );
      expect(await Array.fromAsync(cut)).toEqual(['{"a":"ä"}', 'one\ntwo']);
    }
  });

  test('without an end are given up', async () => {
    await expect(read(['data: ', 'x'.repeat(20)], 10)).rejects.toThrow('longer than 10 characters');
  });

  test('of many lines are given up as soon as these together are too long', async () => {
    let lines = 0;
    const endless = readEventStream(
      (async function* () {
        for (; lines < 1000; lines++) yield encoder.encode(`data: ${'x'.repeat(99)}\n`);
      })(),
      1000,
    );
    await expect(endless.next()).rejects.toThrow('longer than 1000 characters');
    expect(lines).toBe(10);
    await expect(read([`data: ${'x'.repeat(11)}\n\n`], 10)).rejects.toThrow('longer than 10 characters');
  });

  test('may each be as long as that, wherever the bytes are cut', async () => {
    const five = 'data: 12\ndata: 45\n\n';
    for (let at = 0; at < five.length; at++)
      expect(await read([five.repeat(3), five.slice(0, at), five.slice(at)], 5)).toEqual(
        Array.from({ length: 4 }, () => '12\n45'),
      );
  });
});
