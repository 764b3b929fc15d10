import { Fault } from '@gantry/oci';

/** The fault of a publisher that finds a newer serial than its own: it is not the tree's publisher any more. */
export function followedBy(newer: number, serial: number, tree: string): Fault {
  return new Fault(
    'LEASE_LOST',
    `serial ${serial} of ${tree} can not be made the current one: another publisher has made serial ${newer}`,
    { serial, newer },
  );
}
