import { type CloudEvent, type Delivery, DELIVERY_LIMIT, type Messages } from '@gantry/messages';
import { asFault, digestOf, Fault, parseRepositoryName, quote } from '@gantry/oci';
import {
  acceptPromotion,
  audited,
  type Channel,
  createTask,
  findTree,
  type Flow,
  type PublishedTree,
  QUEUES,
  recordResults,
  sendWork,
  syncParametersOf,
} from '@gantry/pipeline';
import { type Identity, requireScope, type Scope } from '@gantry/service';
import { z } from 'zod';
import { promoteScopes } from './api/access.ts';
import { ResultsRequest } from './api/gate-requests.ts';
import { idempotencyKey } from './api/idempotency-key.ts';
import { reportingSource, reportScope } from './api/reporting.ts';
import { askedFor, PromotionRequest, PublicationRequest, SyncRequest } from './api/requests.ts';
import { listOf, toResult } from './api/routes/results.ts';
import { commandAct, messageActor } from './command-act.ts';
import { consumeWhileWritable } from './consume-while-writable.ts';
import { createReadOnly } from './read-only.ts';

export interface CommandOptions {
  readonly flow: Flow;
  readonly messages: Messages;
  readonly channels: readonly Channel[];
  readonly trees: readonly Pick<PublishedTree, 'name' | 'channels'>[];
  /** Names of the sources that can be synced. */
  readonly sources: readonly string[];
  /** What messages may command. */
  readonly commandScopes: readonly Scope[];
  /** Whether the configuration says that changes are refused. */
  readonly isReadOnly: boolean;
}

/**
 * Takes commands out of the queue and records them, as the API does: a message is acknowledged once its promotion or task is
 * durable, and the audit log has it. One that can't be carried out is refused with its reason in the log, and parked in the end.
 * While changes are refused, messages stay where they are.
 */
export async function startCommands(options: CommandOptions): Promise<AsyncDisposable> {
  const { flow, messages } = options;
  const handle = (delivery: Delivery) =>
    audited(
      flow,
      commandAct(delivery.routingKey, delivery.event),
      () => carryOut(options, delivery),
      () => delivery.attempt >= DELIVERY_LIMIT, // until then it may still go through
    );
  return consumeWhileWritable(handle, {
    messages,
    queue: QUEUES.commands,
    readOnly: createReadOnly(flow.catalog.modes, options.isReadOnly),
    log: flow.log,
    onError: (error, { routingKey, event, attempt }) => {
      const { id, source } = event;
      flow.log.error({ err: asFault(error), routingKey, id, source, attempt }, 'command.failed');
    },
  });
}

async function carryOut(options: CommandOptions, { routingKey, event }: Delivery): Promise<void> {
  const { flow, messages } = options;
  const requester: Identity = { name: messageActor(event.source), scopes: options.commandScopes, groups: [] };
  switch (routingKey) {
    case 'command.sync': {
      const { source, ...parameters } = read(SyncRequest, event);
      requireScope(requester, 'sync');
      if (!options.sources.includes(source)) {
        throw new Fault(
          'SOURCE_UNKNOWN',
          `there is no source ${quote(source)}: there are ${options.sources.join(', ')}`,
          { source },
        );
      }
      parameters.repositories?.forEach(parseRepositoryName);
      await createTask(flow, messages, 'sync', await syncParametersOf(flow, { source, ...parameters }));
      return;
    }
    case 'command.promote': {
      const body = read(PromotionRequest, event);
      if (body.dryRun === true)
        throw new Fault('REQUEST_INVALID', 'dryRun: a message has no answer, ask for a plan by the API');
      const request = askedFor(body);
      requireScope(requester, `promote:${request.to}`);
      const { promotion } = await acceptPromotion(flow, options.channels, request, {
        name: requester.name,
        idempotencyKey: idempotencyKey(event.source, event.id),
      });
      await sendWork(messages, { type: 'work.promotion', promotion: promotion.id });
      return;
    }
    case 'command.result':
      await takeResults(options, requester, event);
      return;
    case 'command.publish':
      await publishFor(options, requester, read(PublicationRequest, event));
      return;
    default:
      throw new Fault(
        'REQUEST_INVALID',
        `${quote(routingKey)} is no command: command.sync, command.promote, command.result and command.publish are`,
      );
  }
}

async function publishFor(
  { flow, messages, channels, trees }: CommandOptions,
  requester: Identity,
  request: z.output<typeof PublicationRequest>,
): Promise<void> {
  const { tree } = request;
  const touched = tree === undefined ? channels : findTree(tree, trees).channels;
  for (const scope of promoteScopes('*', touched)) requireScope(requester, scope);
  await createTask(flow, messages, 'publish', request);
}

/** A result without an id is known by its message's: what is delivered twice is one result. */
async function takeResults(
  { flow, messages }: CommandOptions,
  requester: Identity,
  event: CloudEvent,
): Promise<void> {
  const requests = listOf(read(ResultsRequest, event));
  const sent = digestOf(idempotencyKey(event.source, event.id));
  const origin = { submittedBy: requester.name, submittedAt: flow.now().toISOString() };
  const results = requests.map((request, index) => {
    requireScope(requester, reportScope(requester, request.source));
    const id = request.id ?? `${sent}-${index}`;
    return toResult(request, reportingSource(requester, request.source), id, origin);
  });
  await recordResults(flow, messages, results);
}

/** @throws Fault REQUEST_INVALID, naming the member */
function read<T>(schema: z.ZodType<T>, event: CloudEvent): T {
  const result = schema.safeParse(event.data ?? {});
  if (result.success) return result.data;
  throw new Fault(
    'REQUEST_INVALID',
    `the data of message ${event.id} from ${event.source}: ${z.prettifyError(result.error)}`,
  );
}
