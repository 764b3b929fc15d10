import { randomUUID } from 'node:crypto';
import { Fault } from '@gantry/oci';
import { failureOf } from './failures.ts';
import { listObjects } from './list-objects.ts';
import { put, type PutOptions, remove } from './objects.ts';
import type { CallOptions, S3Session } from './session.ts';

/** Which conditional writes a server honours, as it was found by trying. */
export interface S3Abilities {
  /** `If-None-Match: *`: an object is created, and never replaced. */
  readonly ifNoneMatch: boolean;
  /** `If-Match`: an object is replaced only as the one that was seen. */
  readonly ifMatch: boolean;
}

/** Where objects are put to try what the server does; each is gone at once. */
const PROBES = 'probe/';

/**
 * Tries the rights to list, write, read and delete, and which conditions the server keeps to, on a small object of its own.
 * A server that ignores a condition would overwrite without a word: it is found out by doing.
 * @throws Fault CONFIGURATION_INVALID naming bucket and endpoint; UNAVAILABLE
 */
export async function probeAccess(session: S3Session, options: CallOptions = {}): Promise<S3Abilities> {
  for await (const _ of listObjects(session, PROBES, options)) break;
  const path = `${PROBES}${randomUUID()}`;
  await put(session, path, Buffer.from('1'), options);
  try {
    return {
      ifNoneMatch: await keepsTo(session, path, { ...options, ifNoneMatch: '*' }),
      ifMatch: await keepsTo(session, path, { ...options, ifMatch: '"00000000000000000000000000000000"' }),
    };
  } finally {
    await remove(session, path, options);
  }
}

/** Removes what starts that were killed in the midst of `probeAccess` have left, so long ago or longer by the server's clock. */
export async function removeOldProbes(
  session: S3Session,
  ageMs: number,
  options: CallOptions = {},
): Promise<void> {
  for await (const { path, modifiedAt } of listObjects(session, PROBES, options)) {
    const now = session.serverTimeMs() ?? Date.now();
    if (modifiedAt !== undefined && now - modifiedAt.getTime() >= ageMs) await remove(session, path, options);
  }
}

/** Whether a write is refused whose condition does not hold. */
async function keepsTo(session: S3Session, path: string, options: PutOptions): Promise<boolean> {
  try {
    const { written } = await put(session, path, Buffer.from('2'), options);
    return !written;
  } catch (error) {
    // It says that it can't, or that it takes no such header: as good as ignoring it.
    const { status } = error instanceof Fault ? error.details : { status: failureOf(error).status };
    if (status === 501 || status === 400) return false;
    throw error;
  }
}
