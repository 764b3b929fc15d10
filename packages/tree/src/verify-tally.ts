import type { PoolFile, VerifyPhase } from './verification.ts';

/** How far a verification has come. */
export interface VerifyProgress {
  readonly phase: VerifyPhase;
  /** Files looked at so far, and the bytes that were read of them. */
  readonly objects: number;
  readonly bytes: number;
  /** Files that are to be looked at, and at the level `deep` their bytes, as far as it is known. */
  readonly expected: number;
  readonly expectedBytes: number;
  /** Whether the other site has the same root; absent while it is not known. */
  readonly isEqual?: boolean;
}

export type Tally = ReturnType<typeof newTally>;

/** Counts, and tells of each change. */
export function newTally({
  onProgress,
  signal,
}: {
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}) {
  const files = new Map<string, PoolFile>();
  let [objects, bytes, expectedBytes] = [0, 0, 0];
  let phase: VerifyPhase = 'pointer';
  let isEqual: boolean | undefined;
  const tell = () =>
    onProgress?.({
      phase,
      objects,
      bytes,
      expected: files.size,
      expectedBytes,
      ...(isEqual !== undefined && { isEqual }),
    });
  return {
    files,
    get objects() {
      return objects;
    },
    get bytes() {
      return bytes;
    },
    enter(next: VerifyPhase) {
      phase = next;
      expectedBytes = 0;
      for (const { size } of files.values()) expectedBytes += size;
      tell();
    },
    compared(equal: boolean) {
      phase = 'against';
      isEqual = equal;
      tell();
    },
    count(moreObjects: number, moreBytes: number) {
      signal?.throwIfAborted();
      objects += moreObjects;
      bytes += moreBytes;
      tell();
    },
  };
}
