import { randomUUID } from 'node:crypto';
import { openMessages } from '@gantry/messages';
import { messagesContract } from '../../packages/messages/src/messages.contract.ts';
import { needs, withParts } from '../servers/parts.ts';
import { type Rabbitmq, startRabbitmq } from '../servers/rabbitmq.ts';

const { beforeAll: beforeTests, afterAll: afterTests } = needs('rabbitmq');

let broker: Rabbitmq;
beforeTests(async () => {
  broker = await startRabbitmq();
}, 120_000);
afterTests(async () => {
  await broker?.[Symbol.asyncDispose]();
}, 30_000);

/** An exchange of a test's own: the queues are named after it. */
const newExchange = () => `test-${randomUUID().slice(0, 8)}`;

withParts('RabbitMQ as messages', ['rabbitmq'], () => {
  messagesContract('RabbitMQ', async () => {
    const amqp = { url: broker.url(), exchange: newExchange() };
    const options = { timing: { pauseMs: () => 20 } };
    let messages = await openMessages({ amqp }, options);
    return {
      messages,
      reopen: async () => {
        await messages[Symbol.asyncDispose]();
        messages = await openMessages({ amqp }, options);
        return messages;
      },
      [Symbol.asyncDispose]: () => messages[Symbol.asyncDispose](),
    };
  });
});
