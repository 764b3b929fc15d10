import type { Allocate } from '@gantry/tree';

/** What is larger gets memory of its own: it is rare, and not to be kept. */
const MAX_BYTES = 256 * 1024;
const LEAST_BYTES = 16 * 1024;

/**
 * Makes a way to run work that reads one thing after the other into the same memory. A Buffer for each read outlives V8's young
 * generation while the read is under way, and what is outside of V8's heap is collected late: so they came to 60 MB.
 * @param maxKept so many pieces of memory are kept, for work at the same time
 */
export function reusedMemory(maxKept: number): <T>(work: (allocate: Allocate) => Promise<T>) => Promise<T> {
  const free: Buffer[] = [];
  return async (work) => {
    let memory = free.pop() ?? Buffer.alloc(0);
    const allocate = (sizeBytes: number) => {
      if (sizeBytes > MAX_BYTES) return Buffer.allocUnsafe(sizeBytes);
      if (sizeBytes > memory.length)
        memory = Buffer.allocUnsafeSlow(Math.max(LEAST_BYTES, 2 ** Math.ceil(Math.log2(sizeBytes))));
      return memory.subarray(0, sizeBytes);
    };
    try {
      return await work(allocate);
    } finally {
      if (free.length < maxKept) free.push(memory);
    }
  };
}
