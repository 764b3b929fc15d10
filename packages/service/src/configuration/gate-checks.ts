import { kindsOf, untilOf } from './gates.ts';
import type { KeyPath, Problem } from './problems.ts';
import { isRecord } from './schema-shape.ts';

type Held = Readonly<Record<string, unknown>>;

/** What is wrong with a channel's gates and rules for tags as they were written, beside what the schema finds. */
export function gateProblems(at: KeyPath, channel: Held, channelNames: readonly string[]): Problem[] {
  const gates = Array.isArray(channel['gates']) ? (channel['gates'] as unknown[]) : [];
  const taken = new Map<string, number>();
  const problems = gates.flatMap((gate, index) => {
    if (!isRecord(gate)) return [];
    const path = [...at, 'gates', index];
    return [
      ...kindProblems(path, gate),
      ...nameProblems(path, gate, index, taken),
      ...ruleProblems(path, gate, channel, channelNames),
    ];
  });
  return [...problems, ...moverProblems([...at, 'tags', 'movers'], channel['tags'])];
}

/** Vulnerabilities that were allowed for a time that is over. */
export function endedAllowances(value: unknown, now: Date): Problem[] {
  return listAt(value, ['channels']).flatMap(([path, channel]) =>
    listAt(channel, ['gates']).flatMap(([gatePath, gate]) =>
      listAt(gate, ['vulnerabilities', 'allow']).flatMap(([allowPath, allowed]) => {
        const written = isRecord(allowed) ? allowed['until'] : undefined;
        const until = typeof written === 'string' ? untilOf(written) : undefined;
        if (until === undefined || until > now.toISOString()) return [];
        return [
          {
            path: [...path, ...gatePath, ...allowPath, 'until'],
            value: written,
            message: 'is over, so this vulnerability counts again: take the entry out, or give it more time',
          },
        ];
      }),
    ),
  );
}

function kindProblems(path: KeyPath, gate: Held): Problem[] {
  const [kind, ...more] = kindsOf(gate);
  return more.map((other) => ({
    path: [...path, other],
    atKey: true,
    message: `stands beside ${kind}: a gate asks for one thing, so make it two gates`,
  }));
}

function nameProblems(path: KeyPath, gate: Held, index: number, taken: Map<string, number>): Problem[] {
  const { name } = gate;
  const called = typeof name === 'string' ? name : kindsOf(gate)[0];
  if (called === undefined) return [];
  const other = taken.get(called);
  if (other === undefined) {
    taken.set(called, index);
    return [];
  }
  if (typeof name === 'string') {
    return [
      {
        path: [...path, 'name'],
        value: name,
        message: `is the name of gates[${other}] too: each needs its own`,
      },
    ];
  }
  return [{ path, message: `needs a name: gates[${other}] is called ${called} already` }];
}

function ruleProblems(path: KeyPath, gate: Held, channel: Held, channelNames: readonly string[]): Problem[] {
  const { approvals, match, age, signature, vulnerabilities, http } = gate;
  return [
    ...(isRecord(approvals) ? approvalsProblems([...path, 'approvals'], approvals) : []),
    ...(isRecord(match) && isNothing(match['labels']) && isNothing(match['annotations'])
      ? [{ path: [...path, 'match'], message: 'is empty: it needs labels or annotations' }]
      : []),
    ...(isRecord(age) ? ageProblems([...path, 'age'], age, channel, channelNames) : []),
    ...(isRecord(signature) ? signatureProblems([...path, 'signature'], signature) : []),
    ...(isRecord(vulnerabilities) &&
    isRecord(vulnerabilities['atMost']) &&
    isNothing(vulnerabilities['atMost'])
      ? [
          {
            path: [...path, 'vulnerabilities', 'atMost'],
            message: 'is empty: write for instance { critical: 0 }',
          },
        ]
      : []),
    ...(isRecord(http) && http['token'] !== undefined && http['tokenFile'] !== undefined
      ? [{ path: [...path, 'http'], message: 'has token and tokenFile: leave one' }]
      : []),
  ];
}

function approvalsProblems(path: KeyPath, { count = 1, by, groups }: Held): Problem[] {
  if (typeof count !== 'number' || !Array.isArray(by) || groups !== undefined) return [];
  const people = new Set(by).size;
  if (people >= count) return [];
  const message = `is more than the ${people} that by names, so it could never be reached`;
  return [{ path: [...path, 'count'], value: count, message }];
}

function ageProblems(
  path: KeyPath,
  { channel: named }: Held,
  channel: Held,
  channelNames: readonly string[],
): Problem[] {
  if (named === undefined) {
    if (channel['from'] !== undefined) return [];
    const message = 'needs a channel to be old in, as this one takes from none: set from, or age.channel';
    return [{ path, message }];
  }
  if (typeof named !== 'string' || channelNames.includes(named)) return [];
  const message = `names no channel: there are ${channelNames.join(', ')}`;
  return [{ path: [...path, 'channel'], value: named, message }];
}

function signatureProblems(path: KeyPath, { keyFiles, count }: Held): Problem[] {
  if (!Array.isArray(keyFiles) || typeof count !== 'number' || count <= keyFiles.length) return [];
  const message = `is more than the keys that keyFiles names, so it could never be reached`;
  return [{ path: [...path, 'count'], value: count, message }];
}

function moverProblems(path: KeyPath, tags: unknown): Problem[] {
  return listAt(tags, ['movers']).flatMap(([[, index = 0], mover]) =>
    isRecord(mover) && isNothing(mover['by']) && isNothing(mover['groups'])
      ? [
          {
            path: [...path, index],
            message:
              'is not complete: it needs by or groups; what nobody may set again belongs under tags.immutable',
          },
        ]
      : [],
  );
}

/** The entries of a list that lies at a path of maps, with their paths; none where there is no list. */
function listAt(value: unknown, path: readonly string[]): [KeyPath, unknown][] {
  let at = value;
  for (const part of path) at = isRecord(at) ? at[part] : undefined;
  return Array.isArray(at) ? at.map((entry: unknown, index) => [[...path, index], entry]) : [];
}

/** Absent, or a list or map that holds nothing. */
function isNothing(value: unknown): boolean {
  if (value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}
