import { Fault } from '@gantry/oci';

/** What one record may take in the catalog as JSON, in bytes: MongoDB's documents end at 16 MiB. */
export const RECORD_MAX_BYTES = 12 * 1024 * 1024;

/** How much a record takes as JSON, in bytes. */
export function sizeOfRecord(record: object): number {
  return Buffer.byteLength(JSON.stringify(record));
}

/** @param what named in the fault @throws Fault REQUEST_UNPROCESSABLE for a record that is too large for the catalog */
export function mustFit(record: object, what: string): void {
  const size = sizeOfRecord(record);
  if (size <= RECORD_MAX_BYTES) return;
  throw new Fault(
    'REQUEST_UNPROCESSABLE',
    `${what} has ${size} bytes, and ${RECORD_MAX_BYTES} are kept at the most: ask for fewer items at once`,
    { bytes: size, limitBytes: RECORD_MAX_BYTES },
  );
}
