import type { Resolve } from './complete-engines.ts';
import type {
  ChannelConfiguration,
  GateConfiguration,
  GateRuleConfiguration,
  HttpRuleConfiguration,
  VulnerabilitiesRuleConfiguration,
} from './channel-configuration.ts';
import { type GateEntry, kindsOf } from './gates.ts';
import type { ConfigurationFile } from './schema.ts';
import { secretOf } from './secret.ts';
import { MAIN_TREE } from './trees.ts';

/** A channel as it is in force. @param key for messages: `channels[0]` */
export function completeChannel(
  channel: ConfigurationFile['channels'][number],
  key: string,
  at: Resolve,
): ChannelConfiguration {
  const { from, gates, tags, tree, ...rest } = channel;
  return {
    ...rest,
    ...(from !== undefined && { from }),
    ...(tree !== undefined && tree !== MAIN_TREE && { tree }),
    gates: gates.map((gate, index) => completeGate(gate, `${key}.gates[${index}]`, at)),
    ...(tags !== undefined && { tags: withoutAbsent(tags) }),
  };
}

function completeGate(gate: GateEntry, key: string, at: Resolve): GateConfiguration {
  const { wait } = gate;
  const [kind = ''] = kindsOf(gate);
  return {
    name: gate.name ?? kind,
    ...(wait !== undefined && { waitMs: wait }),
    ...completeRule(gate, key, at),
  };
}

function completeRule(gate: GateEntry, key: string, at: Resolve): GateRuleConfiguration {
  const { results, approvals, match, age, signature, referrers, vulnerabilities, http } = gate;
  if (results !== undefined) return { results: withoutAbsent(results) };
  if (approvals !== undefined) return { approvals: withoutAbsent(approvals) };
  if (match !== undefined) return { match: withoutAbsent(match) };
  if (age !== undefined) {
    const { atLeast, channel } = age;
    return { age: { atLeastMs: atLeast, ...(channel !== undefined && { channel }) } };
  }
  if (signature !== undefined) {
    const { keyFiles, count } = signature;
    return { signature: { keyFiles: keyFiles.map(at), ...(count !== undefined && { count }) } };
  }
  if (referrers !== undefined) return { referrers };
  if (vulnerabilities !== undefined) return { vulnerabilities: completeVulnerabilities(vulnerabilities) };
  if (http !== undefined) return { http: completeHttp(http, `${key}.http`, at) };
  throw new TypeError(`${key} names no kind`); // which the checks have refused
}

function completeVulnerabilities({
  atMost,
  maxAge,
  ...rest
}: NonNullable<GateEntry['vulnerabilities']>): VulnerabilitiesRuleConfiguration {
  return {
    atMost: withoutAbsent(atMost),
    ...withoutAbsent(rest),
    ...(maxAge !== undefined && { maxAgeMs: maxAge }),
  };
}

function completeHttp(
  { url, timeout, token, tokenFile, caFile }: NonNullable<GateEntry['http']>,
  key: string,
  at: Resolve,
): HttpRuleConfiguration {
  const hasToken = token !== undefined || tokenFile !== undefined;
  return {
    url,
    timeoutMs: timeout,
    ...(hasToken && { token: secretOf(`${key}.token`, token, tokenFile, at) }),
    ...(caFile !== undefined && { caFile: at(caFile) }),
  };
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** A map without those members that have no value. */
function withoutAbsent<T extends object>(map: T): Present<T> {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== undefined)) as Present<T>;
}
