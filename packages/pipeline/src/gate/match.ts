import type { Requirement } from '@gantry/catalog';
import { quote } from '@gantry/oci';
import { readImageConfig, storeReader } from '../sync/describe-image.ts';
import type { Matcher } from '@gantry/oci/glob';
import { patternMatcher } from '../sync/pattern.ts';
import type { MatchRule } from './configuration.ts';
import type { Gate } from './gate.ts';
import { type ImageParts, readImageParts } from './images.ts';

/**
 * Asks what an image says of itself. Of an index each image must say it: a label lies in the config of each. An
 * annotation of the index is its own word; where it has none of that name, that of each image counts.
 */
export function openMatchGate(rule: MatchRule): Gate['evaluate'] {
  const labels = compile(rule.labels);
  const annotations = compile(rule.annotations);
  return async ({ digest }, { flow }) => {
    const parts = await readImageParts(flow, digest);
    const labelled = labels.length === 0 ? [] : await readLabels(parts, storeReader(flow.store));
    return [
      ...labels.map((wanted) => judge('label', wanted, labelled)),
      ...annotations.map((wanted) => judge('annotation', wanted, annotated(parts, wanted.name))),
    ];
  };
}

interface Wanted {
  readonly name: string;
  readonly pattern: string;
  readonly matches: Matcher;
}

/** A part of the image, and what it says under some names. */
interface Said {
  readonly called: string;
  readonly values: Readonly<Record<string, string>>;
}

/** @throws Fault CONFIGURATION_INVALID for a pattern that is none */
function compile(patterns: Readonly<Record<string, string>> = {}): readonly Wanted[] {
  return Object.entries(patterns).map(([name, pattern]) => ({
    name,
    pattern,
    matches: patternMatcher(pattern),
  }));
}

async function readLabels(
  { images }: ImageParts,
  reader: ReturnType<typeof storeReader>,
): Promise<readonly Said[]> {
  const said: Said[] = [];
  for (const { manifest, called } of images) {
    const config = await readImageConfig(reader, manifest);
    said.push({ called, values: config?.config?.Labels ?? {} });
  }
  return said;
}

function annotated({ root, images }: ImageParts, name: string): readonly Said[] {
  const own = root.annotations ?? {};
  if (Object.hasOwn(own, name) || images.length === 0) return [{ called: root.digest, values: own }];
  return images.map(({ manifest, called }) => ({ called, values: manifest.annotations ?? {} }));
}

function judge(what: 'label' | 'annotation', wanted: Wanted, said: readonly Said[]): Requirement {
  const { name, pattern, matches } = wanted;
  const valueOf = ({ values }: Said) => (Object.hasOwn(values, name) ? values[name] : undefined);
  const wrong = said.filter((one) => {
    const value = valueOf(one);
    return value === undefined || !matches(value);
  });
  const [first] = wrong.length > 0 ? wrong : said;
  const value = first === undefined ? undefined : valueOf(first);
  const satisfied = said.length > 0 && wrong.length === 0;
  const where = said.length > 1 && first !== undefined ? ` of ${first.called}` : '';
  const found = value === undefined ? 'is absent' : `is ${quote(value)}`;
  const more = wrong.length > 1 ? `, and so ${wrong.length - 1} of its other images` : '';
  return {
    name: `${what} ${name}`,
    satisfied,
    type: `${what}-${satisfied ? 'matches' : value === undefined ? 'missing' : 'differs'}`,
    detail: satisfied
      ? `the ${what} ${name} ${found}`
      : `the ${what} ${name}${where} ${found}${more}; it must match ${quote(pattern)}`,
    evidence: { pattern, ...(value === undefined ? {} : { value: value.slice(0, 1000) }) },
  };
}
