import { type PoolObject, SAMPLE_SIZE } from '../repositories/additions.ts';

/** Takes an object into a sample by path; where that is full, one that chance picks leaves it. */
export function noteSample(samples: Map<string, PoolObject>, object: PoolObject): void {
  if (samples.size >= SAMPLE_SIZE && !samples.has(object.path)) {
    const leaving = [...samples.keys()][Math.floor(Math.random() * SAMPLE_SIZE)] as string;
    samples.delete(leaving);
  }
  samples.set(object.path, object);
}
