import { type Digest, Fault } from '@gantry/oci';

export function tooLong(digest: Digest, size: number): Fault {
  return new Fault('SIZE_INVALID', `the blob ${digest} has more bytes than the ${size} that were said`, {
    digest,
    size,
  });
}

export function tooShort(digest: Digest, size: number, received: number): Fault {
  return new Fault(
    'SIZE_INVALID',
    `the blob ${digest} ended after ${received} of ${size} bytes; they are kept, the next attempt goes on from there`,
    { digest, size, received },
  );
}

/** @param resumedAt how many bytes an earlier attempt had left: the fault may be theirs */
export function wrongDigest(digest: Digest, received: string, resumedAt: number): Fault {
  const resumed =
    resumedAt === 0
      ? ''
      : `, the first ${resumedAt} of which an earlier attempt had left; a new one starts at 0`;
  return new Fault('DIGEST_INVALID', `the blob ${digest} came as bytes of ${received}${resumed}`, {
    digest,
    received,
  });
}

export function hasEnded(digest: Digest): Fault {
  return new Fault('UNAVAILABLE', `the writer of the blob ${digest} has ended`, { digest });
}
