import { Fault, quote } from '@gantry/oci';
import { errorCode } from './system-error.ts';

/** What a failed call on the store's files means to the caller: STORAGE_FULL, or UNAVAILABLE; faults stay what they are. */
export function storageFault(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error;
  const code = errorCode(error);
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const why = error instanceof Error ? error.message : String(error);
  return new Fault(
    full ? 'STORAGE_FULL' : 'UNAVAILABLE',
    full
      ? `no space left for ${quote(path)}: free some, and try again`
      : `the store could not use ${quote(path)}: ${why}`,
    { path },
    { cause: error },
  );
}
