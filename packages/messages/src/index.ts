import type { AmqpConfiguration } from './amqp.ts';
import type { Messages, OpenOptions } from './messages.ts';

export type { AmqpConfiguration } from './amqp.ts';
export * from './messages.ts';

/** Where messages go, as `messages` in the configuration. */
export type MessagesConfiguration = { embedded: { file: string } } | { amqp: AmqpConfiguration };

/** Opens the queues that the configuration names. The engine is loaded only then. @throws Fault CONFIGURATION_INVALID */
export async function openMessages(
  configuration: MessagesConfiguration,
  options: OpenOptions = {},
): Promise<Messages> {
  if ('amqp' in configuration) {
    const { openAmqpMessages } = await import('./amqp.ts');
    return openAmqpMessages(configuration.amqp, options);
  }
  const { openEmbeddedMessages } = await import('./embedded.ts');
  return openEmbeddedMessages(configuration.embedded, options.timing);
}
