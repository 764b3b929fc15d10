import { type Digest, Fault } from '@gantry/oci';

/** Of content that can't be put into a tree, as the store's own copy is damaged. */
export function corruptInStore(digest: Digest): Fault {
  return new Fault(
    'CONTENT_CORRUPT',
    `the bytes of ${digest} in the store are not those of its digest: \`gantry gc --scrub\` fetches it again`,
    { digest },
  );
}
