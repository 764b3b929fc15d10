import { Fault } from '@gantry/oci';
import { PartBuffers } from './part-buffers.ts';
import { putStream } from './put-stream.ts';
import type { S3Session } from './session.ts';

const MIB = 1024 * 1024;
const PART_BYTES = 5 * MIB;

/** A server that refuses whatever is sent. */
const refusing = {
  at: (path: string) => ({ Bucket: 'b', Key: path }),
  call: () => Promise.reject(new Fault('UNAVAILABLE', 'refused')),
} as unknown as S3Session;

async function* chunksOf(mebibytes: number, failure?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < mebibytes; at++) yield new Uint8Array(MIB);
  if (failure !== undefined) throw failure;
}

test.each([
  ['the server refuses', chunksOf(5), PART_BYTES, 'refused'],
  ['the stream is too short', chunksOf(3), PART_BYTES, '3145728 came'],
  ['the stream is too long', chunksOf(4), 3 * MIB, 'more than 3145728 came'],
  ['the stream breaks off', chunksOf(2, new Error('broke off')), PART_BYTES, 'broke off'],
])('memory of a stream is free again when %s', async (_, source, sizeBytes, message) => {
  const buffers = new PartBuffers(PART_BYTES, PART_BYTES, 3_600_000);
  await expect(putStream(refusing, buffers, 'some', source, sizeBytes)).rejects.toThrow(message);
  const whole = await buffers.take(PART_BYTES); // waits for an hour otherwise
  expect(whole).toHaveLength(PART_BYTES);
});
