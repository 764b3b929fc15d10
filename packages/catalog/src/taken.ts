import { Fault } from '@gantry/oci';

/** A fault for a record whose id another record has already. */
export function idTaken(what: 'plan' | 'promotion' | 'task' | 'token' | 'waiver', id: string): Fault {
  return new Fault('CONFLICT', `there is a ${what} ${id} already: an id is used once`, { [what]: id });
}

/** A fault for a token whose name one in force has already. */
export function tokenNameTaken(name: string): Fault {
  return new Fault('CONFLICT', `there is a token ${name} already: take another name, or revoke that one`, {
    token: name,
  });
}
