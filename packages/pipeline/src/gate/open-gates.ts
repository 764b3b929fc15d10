import { GATE_KINDS, type GateKind } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import { openAgeGate } from './age.ts';
import { approvalWaivers, openApprovalsGate } from './approvals.ts';
import type { GateConfiguration, GateRule } from './configuration.ts';
import type { Gate } from './gate.ts';
import { openHttpGate } from './http.ts';
import { openMatchGate } from './match.ts';
import { openReferrersGate } from './referrers.ts';
import { requirementNames } from './requirement-names.ts';
import { openResultsGate } from './results.ts';
import { openSignatureGate } from './signature.ts';
import { openVulnerabilitiesGate } from './vulnerabilities.ts';

const DAY_MS = 86_400_000;

/** What a gate of one kind does. */
type Evaluate = Gate['evaluate'];

/** What the member of that name in a gate's configuration says. */
type RuleOf<K extends GateKind> =
  Extract<GateRule, Readonly<Record<K, unknown>>> extends infer Rule ? Rule[K & keyof Rule] : never;

/** How a gate of each kind is made of its rule and its name. One that brings a library imports it when it is asked first. */
const KINDS: { readonly [K in GateKind]: (rule: RuleOf<K>, gate: string) => Evaluate } = {
  results: openResultsGate,
  approvals: openApprovalsGate,
  match: openMatchGate,
  age: openAgeGate,
  referrers: openReferrersGate,
  signature: openSignatureGate,
  vulnerabilities: openVulnerabilitiesGate,
  http: openHttpGate,
};

/**
 * The gates of a channel, in the order of their configuration.
 * @throws Fault CONFIGURATION_INVALID for two of one name, and for what can't be used, as a pattern or a key that is none
 */
export function openGates(configurations: readonly GateConfiguration[]): readonly Gate[] {
  const names = new Set<string>();
  return configurations.map((configuration) => {
    const kind = GATE_KINDS.find((one) => one in configuration);
    if (kind === undefined) throw new Fault('CONFIGURATION_INVALID', 'a gate says nothing that it asks for');
    const { name = kind, waitMs = kind === 'approvals' ? 7 * DAY_MS : 0 } = configuration;
    if (names.has(name))
      throw new Fault('CONFIGURATION_INVALID', `two gates have the name ${name}: give one another name`, {
        gate: name,
      });
    names.add(name);
    const open = KINDS[kind] as (rule: unknown, gate: string) => Evaluate;
    const waivers = 'approvals' in configuration ? approvalWaivers(configuration.approvals) : undefined;
    const requirements = requirementNames(configuration);
    return {
      name,
      kind,
      waitMs,
      ...(waivers === undefined ? {} : { waivers }),
      ...(requirements === undefined ? {} : { requirements }),
      evaluate: open((configuration as Record<string, unknown>)[kind], name),
    };
  });
}
