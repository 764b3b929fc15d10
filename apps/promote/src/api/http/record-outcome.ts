import { asFault, Fault } from '@gantry/oci';
import { type Act, doneFact, notDoneFact } from '@gantry/pipeline';
import type { Api } from '../api-options.ts';
import type { Answer, Call, Route } from '../route.ts';
import type { Exchange } from './exchange.ts';
import { withoutTokens } from './without-tokens.ts';

/**
 * Puts into the audit log how a request of a known caller came out, before it is answered: each that changes something, and
 * each that the caller was not allowed. What was done and can't be put there is answered with a fault that says so.
 * @param params as they stand in the path
 */
export async function recordOutcome(
  route: Route,
  api: Api,
  exchange: Exchange,
  params: Readonly<Record<string, unknown>>,
  work: () => Promise<Answer>,
): Promise<Answer> {
  let answer: Answer;
  try {
    answer = await work();
  } catch (error) {
    const actor = exchange.caller;
    if (actor !== undefined && isRecorded(route, error)) {
      const fact = notDoneFact(actOf(route, exchange, actor, params), api.flow.now(), error);
      await api.audit.record(fact).catch((cause: unknown) => {
        api.log.error({ err: asFault(cause), fact }, 'audit.not_written');
      });
    }
    throw error;
  }
  if (!route.changes) return answer;
  const fact = doneFact(
    actOf(route, exchange, exchange.caller ?? '', params, answer),
    api.flow.now(),
    answer.status,
  );
  try {
    await api.audit.record(fact);
  } catch (cause) {
    const { code, message } = asFault(cause);
    api.log.error({ err: cause, fact }, 'audit.not_written');
    throw new Fault(
      code,
      `it was done (${answer.status}), but could not be written into the audit log: ${message}`,
      {},
      { cause },
    );
  }
  return answer;
}

function isRecorded(route: Route, error: unknown): boolean {
  const { code } = asFault(error);
  // One who asks too often would fill the log.
  return code === 'DENIED' || (route.changes && code !== 'TOOMANYREQUESTS');
}

function actOf(
  route: Route,
  { call, requestId }: Exchange,
  actor: string,
  params: Readonly<Record<string, unknown>>,
  answer?: Answer,
): Act {
  const own = call === undefined ? undefined : route.target?.(call);
  const { headers = {} } = answer ?? {};
  const created = (headers['Location'] ?? headers['Content-Location'])?.split('/').at(-1);
  const inPath = Object.values(params).map(String);
  const target = [...(own === undefined ? inPath : [own]), ...(created === undefined ? [] : [created])];
  const reason = call === undefined ? undefined : reasonOf(call);
  return {
    actor,
    via: 'api',
    action: route.name,
    target: withoutTokens([...new Set(target)].join(' ')),
    ...(reason === undefined ? {} : { reason }),
    requestId,
  };
}

/** Why, as the caller says in the body or in the query; of an approval, its comment. */
function reasonOf({ body, query }: Call): string | undefined {
  for (const input of [body, query]) {
    if (typeof input !== 'object' || input === null) continue;
    if ('reason' in input && typeof input.reason === 'string') return input.reason;
    if ('comment' in input && typeof input.comment === 'string') return input.comment;
  }
  return undefined;
}
