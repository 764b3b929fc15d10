import type { Messages } from './messages.ts';

export * from './messages.ts';

/** Where messages go, as `messages` in the configuration. */
export type MessagesConfiguration = { embedded: { file: string } };

/** Opens the queues that the configuration names. The engine is loaded only then. @throws Fault CONFIGURATION_INVALID */
export async function openMessages(configuration: MessagesConfiguration): Promise<Messages> {
  const { openEmbeddedMessages } = await import('./embedded.ts');
  return openEmbeddedMessages(configuration.embedded);
}
