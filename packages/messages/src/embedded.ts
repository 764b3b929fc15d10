import { EmbeddedMessages } from './embedded/embedded-messages.ts';
import { openMessageFile } from './embedded/message-file.ts';
import { DEFAULT_TIMING, type Timing } from './embedded/timing.ts';
import type { Messages } from './messages.ts';

/**
 * Queues in an SQLite file, which is made if it is absent (mode 0600, its folders 0700). Several processes of one
 * machine may share it.
 *
 * A message that was handed out belongs to its process until the handler has returned. What a dead process had is handed
 * out again: at once when the file is next opened, as the kernel has dropped the dead one's lock; by a process
 * that runs on, once the lease is over.
 *
 * Events are not in the file: what is published reaches those who listen by the same opened messages, in the same
 * process, and nobody else.
 * @throws Fault CONFIGURATION_INVALID for a file that can't be used; UNAVAILABLE when another process keeps it locked;
 * STORAGE_FULL
 */
export async function openEmbeddedMessages(
  configuration: { readonly file: string },
  timing: Partial<Timing> = {},
): Promise<Messages> {
  return new EmbeddedMessages(await openMessageFile(configuration.file), { ...DEFAULT_TIMING, ...timing });
}
