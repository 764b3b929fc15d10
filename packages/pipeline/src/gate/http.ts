import type { Requirement } from '@gantry/catalog';
import type { HttpRule } from './configuration.ts';
import type { Gate, GateSubject } from './gate.ts';
import type { Exchange, PolicyClient } from './http/policy-client.ts';
import { readPolicyAnswer } from './http/read-answer.ts';
import type { Flow } from '../context.ts';

/** Statuses that may be others the next time. */
const PASSING: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/**
 * Asks an HTTP service, as Open Policy Agent's data API is asked. Only a 200 with a yes in it passes. No answer, and one that
 * says "not now", is waited for as long as the gate waits; whatever else comes refuses.
 */
export function openHttpGate(rule: HttpRule): Gate['evaluate'] {
  let client: Promise<PolicyClient> | undefined;
  return async (subject, { flow, signal }) => {
    client ??= import('./http/policy-client.ts').then(({ createPolicyClient }) => createPolicyClient(rule));
    const ask = await client;
    return [judge(rule, await ask(await describeSubject(flow, subject), signal), flow.now())];
  };
}

/** What the policy is told of an image. What is not known is left out. */
async function describeSubject(flow: Flow, subject: GateSubject): Promise<Record<string, unknown>> {
  const { channel, from, repository, reference, digest, tags, requestedBy } = subject;
  const [candidate, manifests] = await Promise.all([
    flow.catalog.candidates.byDigest(repository, digest),
    flow.catalog.manifests.getAll([digest]),
  ]);
  const annotations = manifests.get(digest)?.annotations;
  return {
    channel,
    ...(from === undefined ? {} : { from }),
    repository,
    reference,
    digest,
    tags,
    ...(requestedBy === undefined ? {} : { requestedBy }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(candidate === undefined ? {} : { labels: candidate.labels, platforms: candidate.platforms }),
  };
}

function judge(rule: HttpRule, exchange: Exchange, now: Date): Requirement {
  const { origin, pathname } = new URL(rule.url);
  const url = origin + pathname; // a query may hold a secret
  if ('failed' in exchange) {
    const found = { type: 'not-evaluated', detail: exchange.failed, pending: exchange.passing };
    return toRequirement(url, found, { url });
  }
  const { status, retryAfterMs } = exchange;
  return toRequirement(url, read(exchange), {
    url,
    status,
    ...(retryAfterMs === undefined
      ? {}
      : { notBefore: new Date(now.getTime() + retryAfterMs).toISOString() }),
  });
}

interface Found {
  readonly type: string;
  /** Follows the service's address. */
  readonly detail: string;
  readonly satisfied?: boolean;
  readonly pending?: boolean;
}

function read({ status, body }: Extract<Exchange, { readonly status: number }>): Found {
  if (status !== 200) {
    const advice = status >= 300 && status < 400 ? ': redirects are not followed' : '';
    const detail = `answered ${status}, where 200 is awaited${advice}`;
    return { type: 'not-evaluated', detail, pending: PASSING.includes(status) };
  }
  if (body === undefined) return { type: 'answer-invalid', detail: 'answered with more than 1 MiB' };
  const answer = readPolicyAnswer(body);
  switch (answer.kind) {
    case 'allowed':
      return { type: 'policy-allowed', detail: `says yes${list(answer.reasons)}`, satisfied: true };
    case 'denied':
      return { type: 'policy-denied', detail: `says no${list(answer.reasons)}` };
    case 'undefined':
      return {
        type: 'policy-undefined',
        detail: 'has no result: its rule is not defined for this image, or the path leads to no rule',
      };
    default:
      return { type: 'answer-invalid', detail: `answered what is no decision: ${answer.why}` };
  }
}

function toRequirement(url: string, found: Found, evidence: Requirement['evidence'] & object): Requirement {
  const { type, detail, satisfied = false, pending = false } = found;
  return {
    name: 'policy',
    satisfied,
    type,
    detail: `${url} ${detail}`,
    ...(pending ? { pending } : {}),
    evidence,
  };
}

function list(reasons: readonly string[]): string {
  return reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
}
