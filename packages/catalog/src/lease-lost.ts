import { Fault } from '@gantry/oci';

/** Says to whoever worked under a lease that another has it. */
export function leaseLost(name: string): Fault {
  return new Fault('LEASE_LOST', `another worker has taken the lease ${name} over`, { lease: name });
}
