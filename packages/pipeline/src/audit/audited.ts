import { asFault } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { type Act, doneFact, notDoneFact } from './facts.ts';

/**
 * Does what changes something, and puts into the audit log who did it and how it came out. What was done and can't be put
 * there counts as not done for whoever asked: the failure to write is thrown. What was not done is told as it was, whether
 * it could be written or not.
 * @param isRecorded which failures are to stand in the log; absent: all
 */
export async function audited<T>(
  flow: Pick<Flow, 'catalog' | 'log' | 'now'>,
  act: Act,
  work: () => Promise<T>,
  isRecorded: (error: unknown) => boolean = () => true,
): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    if (!isRecorded(error)) throw error;
    const fact = notDoneFact(act, flow.now(), error);
    await flow.catalog.audit.append([fact]).catch((cause: unknown) => {
      flow.log.error({ err: asFault(cause), fact }, 'audit.not_written');
    });
    throw error;
  }
  const fact = doneFact(act, flow.now());
  try {
    await flow.catalog.audit.append([fact]);
  } catch (cause) {
    flow.log.error({ err: asFault(cause), fact }, 'audit.not_written');
    throw cause;
  }
  return result;
}
