import { Fault, quote } from '@gantry/oci';

/** A number of a command line, from 1 on. @throws Fault REQUEST_INVALID */
export function readLimit(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new Fault('REQUEST_INVALID', `--limit: ${quote(text)} is not a whole number from 1 on`);
}
