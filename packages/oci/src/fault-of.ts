import { Fault } from './faults.ts';

/** For tests: the fault that a call throws, undefined if it returns. Any other error goes on. */
export function faultOf(call: () => unknown): Fault | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}
