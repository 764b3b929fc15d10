import type {
  ChannelConfiguration,
  GateConfiguration,
  GateRuleConfiguration,
} from './channel-configuration.ts';
import { formatDuration } from './duration.ts';
import { showSecret } from './secret.ts';

/** A channel in the form of the file. */
export function showChannel({ gates, ...channel }: ChannelConfiguration): Record<string, unknown> {
  return { ...channel, ...(gates.length > 0 && { gates: gates.map(showGate) }) };
}

function showGate({ name, waitMs, ...rule }: GateConfiguration): Record<string, unknown> {
  return {
    name,
    ...(waitMs !== undefined && { wait: formatDuration(waitMs) }),
    ...showRule(rule),
  };
}

function showRule(rule: GateRuleConfiguration): Record<string, unknown> {
  if ('age' in rule) {
    const { atLeastMs, ...rest } = rule.age;
    return { age: { atLeast: formatDuration(atLeastMs), ...rest } };
  }
  if ('vulnerabilities' in rule) {
    const { maxAgeMs, ...rest } = rule.vulnerabilities;
    return {
      vulnerabilities: { ...rest, ...(maxAgeMs !== undefined && { maxAge: formatDuration(maxAgeMs) }) },
    };
  }
  if ('http' in rule) {
    const { timeoutMs, token, ...rest } = rule.http;
    return {
      http: {
        ...rest,
        timeout: formatDuration(timeoutMs),
        ...(token !== undefined && showSecret('token', token)),
      },
    };
  }
  return rule;
}
